import { replaceState } from '$app/navigation';
import { page } from '$app/state';
import { takeToken } from './token';

/** What a link from a mail holds. */
export interface Link {
  token: string;
  /** The server it names; only the app heeds it. */
  server: string | null;
}

/** The link of this page's address, also when another one is opened on it. Its secret leaves the address bar at once. */
export function createLink(): () => Link {
  let link = $state.raw<Link>(linkOf(page.url));
  $effect(() => {
    const found = linkOf(page.url);
    if (found.token === '') return;
    link = found;
    // The router writes the address once more after this; then it is our turn.
    setTimeout(() => replaceState(page.url.pathname, {}));
  });
  return () => link;
}

function linkOf(url: URL): Link {
  return { token: takeToken(url), server: url.searchParams.get('server') };
}
