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
