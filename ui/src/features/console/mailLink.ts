import { host } from '$lib/host';

/**
 * Where a link of a mail leads. In the app's window a page of the same product opens, at the server that the mail
 * names: the window has no address bar to come back with.
 */
export function mailLink(link: string, inWindow = host().has('operator')): string {
  if (!inWindow) return link;
  let url: URL;
  try {
    url = new URL(link);
  } catch {
    return link;
  }
  return `${url.pathname}?${new URLSearchParams({ server: url.origin })}${url.hash}`;
}
