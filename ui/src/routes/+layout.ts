import { redirect } from '@sveltejs/kit';
import { firstLink } from '$features/shell/links';
import { openHost } from '$lib/host';

// One page that runs in the browser or in the app's window; nothing is rendered on a server.
export const ssr = false;
export const prerender = false;
export const trailingSlash = 'never';

export async function load() {
  await openHost();
  const link = await firstLink();
  if (link) redirect(307, link);
}
