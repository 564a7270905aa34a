import type { QueryClient } from '@tanstack/svelte-query';
import { goto } from '$app/navigation';
import { host } from '$lib/host';
import { linkPath } from './links';

/** Reads again what the host says has changed; the only listener of the event channel for shared state. */
export function followHost(queries: QueryClient): () => void {
  return host().listen((event) => {
    if (event.type === 'link') {
      follow(event.url);
      return;
    }
    if (event.type === 'close') return;
    if (event.type === 'data') void queries.invalidateQueries({ predicate: (query) => query.queryKey[0] !== 'app' });
    if (event.type === 'accounts') void queries.invalidateQueries();
    void queries.invalidateQueries({ queryKey: ['app', event.type] });
  });
}

function follow(link: string): void {
  const path = linkPath(link);
  if (path) void goto(path);
}
