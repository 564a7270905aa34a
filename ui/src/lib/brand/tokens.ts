import type { Brand } from '$lib/api';

export type Scheme = 'light' | 'dark';

/** A colour, and nothing that could reach out of a declaration. */
const COLOUR = /^(#[0-9a-f]{3,8}|(rgb|rgba|hsl|hsla|oklch|oklab)\([0-9a-z.,%/ +-]+\))$/i;
const ROLE = /^[a-z][a-z-]*$/;
const LENGTH = /^\d+(\.\d+)?(px|rem|em)$/;
const FONT = /^[\p{L}\p{N} ,'"_-]+$/u;

/** The CSS variables of a brand in one scheme. What is malformed is left out, so that the default shows. */
export function variables(brand: Brand, scheme: Scheme): Map<string, string> {
  const found = new Map<string, string>();
  for (const [key, value] of Object.entries(brand.tokens[scheme] ?? {})) {
    const role = key.replace(/^--/, '').replaceAll('_', '-');
    if (ROLE.test(role) && COLOUR.test(value.trim())) found.set(`--${role}`, value.trim());
  }
  const radius = typeof brand.radius === 'number' ? `${brand.radius}px` : brand.radius;
  if (radius && LENGTH.test(radius)) found.set('--radius', radius);
  if (brand.font && FONT.test(brand.font)) found.set('--font', `${brand.font}, 'Inter Variable', system-ui, sans-serif`);
  return found;
}

/** The logo when it may be shown: a picture of our own origin or one that the brand carries itself. */
export function logo(brand: Brand | null): string | null {
  const source = brand?.logo ?? null;
  if (source === null) return null;
  return /^(data:image\/(svg\+xml|png|webp)[;,]|\/[^/])/.test(source) ? source : null;
}
