import { goto } from '$app/navigation';
import { page } from '$app/state';

/** Writes filters into the address of this page; an empty text removes one. */
export function setFilter(change: Record<string, string>): void {
  const search = new URLSearchParams(page.url.searchParams);
  for (const [name, value] of Object.entries(change)) {
    if (value === '') search.delete(name);
    else search.set(name, value);
  }
  const query = search.toString();
  void goto(query ? `?${query}` : page.url.pathname, { replaceState: true, keepFocus: true, noScroll: true });
}
