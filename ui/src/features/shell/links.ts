const PAGES = ['invitation', 'reset-password'];

/** The page that a deep link such as `omniot://invitation?token=…` means; null for anything else. */
export function linkPath(link: string): string | null {
  let url: URL;
  try {
    url = new URL(link);
  } catch {
    return null;
  }
  const page = (url.hostname || url.pathname).replace(/^\/+|\/+$/g, '');
  return PAGES.includes(page) ? `/${page}${url.search}` : null;
}
