import { goto } from '$app/navigation';
import { navigating, page } from '$app/state';

/** Writes filters into the address of this page; an empty text removes one. */
export function setFilter(change: Record<string, string>): void {
  // Who is on the way to another page is not called back for a filter that was still being typed.
  if (navigating.to && navigating.to.url.pathname !== page.url.pathname) return;
  const search = new URLSearchParams(page.url.searchParams);
  for (const [name, value] of Object.entries(change)) {
    if (value === '') search.delete(name);
    else search.set(name, value);
  }
  const query = search.toString();
  void goto(query ? `?${query}` : page.url.pathname, { replaceState: true, keepFocus: true, noScroll: true });
}
