/**
 * Words and formats in the person's language.
 *
 * Deliberately not here: the words (`shared/words/<language>/<feature>.ftl`).
 * To add a language: a folder of words, a line in `LOCALES`.
 */
import type { FluentBundle } from '@fluent/bundle';
import { browser } from '$app/environment';
import { habits } from './formats';
import { type Args, bundleOf, directionOf, format, type Locale, LOCALES } from './words';

export { directionOf, type Locale, LOCALES } from './words';

const STORED = 'omniot.locale';
const bundles = new Map<Locale, FluentBundle>();

function stored(): Locale {
  const name = browser ? localStorage.getItem(STORED) : null;
  return LOCALES.find((locale) => locale === name) ?? 'en';
}

let current = $state<Locale>(stored());

function bundle(locale: Locale): FluentBundle {
  const known = bundles.get(locale) ?? bundleOf(locale, regional());
  bundles.set(locale, known);
  return known;
}

/** The language in use. */
export function locale(): Locale {
  return current;
}

/** The language in use as it is written where the person is: for days, times and numbers. */
export function regional(): string {
  return habits(current, browser ? navigator.languages : []);
}

/** Uses another language from now on, on this machine. */
export function useLocale(next: Locale): void {
  current = next;
  localStorage.setItem(STORED, next);
}

/** Writes language and direction on the page. */
export function applyLocale(root: HTMLElement): void {
  root.lang = current;
  root.dir = directionOf(current);
}

/** The words of `key`. A key without words is a mistake that a test finds; it shows as itself. */
export function t(key: string, args?: Args): string {
  return format(bundle(current), key, args) ?? key;
}

/** The words of `key`, or of `otherwise` when a newer server sent something that we have no words for. */
export function tOr(key: string, otherwise: string, args?: Args): string {
  return format(bundle(current), key, args) ?? t(otherwise, args);
}
