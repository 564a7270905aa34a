import { door } from '$lib/api';
import { host } from '$lib/host';

let asked = false;
const PAGES = ['invitation', 'reset-password'];

/** The page that a deep link such as `omniot://invitation?token=…` means; null for anything else. The secret moves into the fragment. */
export function linkPath(link: string): string | null {
  let url: URL;
  try {
    url = new URL(link);
  } catch {
    return null;
  }
  const page = (url.hostname || url.pathname).replace(/^\/+|\/+$/g, '');
  if (!PAGES.includes(page)) return null;
  const search = url.searchParams;
  const token = search.get('token') ?? '';
  search.delete('token');
  const query = search.toString();
  return `/${page}${query ? `?${query}` : ''}#token=${encodeURIComponent(token)}`;
}

/**
 * The page of the link that the app was started with; the app hands it out once. Asked for before any page shows:
 * a page would lead to sign-in, and whichever came last would win.
 */
export async function firstLink(): Promise<string | null> {
  if (asked || !host().has('accounts')) return null;
  asked = true;
  const taken = await door<{ url: string | null } | null>('POST', '/app/link/take').catch(() => null);
  return taken?.url ? linkPath(taken.url) : null;
}
