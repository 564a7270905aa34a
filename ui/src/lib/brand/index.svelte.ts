/**
 * The look: a tenant's colours as CSS variables, and light or dark.
 *
 * Deliberately not here: how tokens are derived from a brand (`shared/src/brand`, once, in Rust).
 */
import type { Brand } from '$lib/api';
import { browser } from '$app/environment';
import { type Scheme, variables } from './tokens';

export { logo, type Scheme } from './tokens';

export type SchemeChoice = Scheme | 'system';
const STORED = 'omniot.scheme';

function storedChoice(): SchemeChoice {
  const name = browser ? localStorage.getItem(STORED) : null;
  return name === 'light' || name === 'dark' ? name : 'system';
}

const system = browser ? window.matchMedia('(prefers-color-scheme: dark)') : null;

let brand = $state.raw<Brand | null>(null);
let choice = $state<SchemeChoice>(storedChoice());
let systemDark = $state(system?.matches ?? false);
system?.addEventListener('change', (event) => (systemDark = event.matches));

/** The brand in use; null is OmnIoT's own. */
export function currentBrand(): Brand | null {
  return brand;
}

/** Shows another brand from now on. */
export function useBrand(next: Brand | null): void {
  brand = next;
}

/** What the person chose. */
export function schemeChoice(): SchemeChoice {
  return choice;
}

/** Light, dark, or as the system says. */
export function useScheme(next: SchemeChoice): void {
  choice = next;
  localStorage.setItem(STORED, next);
}

/** The scheme that is shown. */
export function scheme(): Scheme {
  if (choice !== 'system') return choice;
  return systemDark ? 'dark' : 'light';
}

let written: string[] = [];

/** Writes scheme and brand on the page. */
export function applyBrand(root: HTMLElement): void {
  root.dataset.scheme = scheme();
  for (const name of written) root.style.removeProperty(name);
  const wanted = brand ? variables(brand, scheme()) : new Map<string, string>();
  for (const [name, value] of wanted) root.style.setProperty(name, value);
  written = [...wanted.keys()];
}
