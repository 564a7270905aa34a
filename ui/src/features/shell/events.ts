import type { QueryClient } from '@tanstack/svelte-query';
import { goto } from '$app/navigation';
import { door } from '$lib/api';
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

/** Has the core look at once when the window is looked at again or a network came; it may have slept over both. */
export function wakeHost(): () => void {
  if (!host().has('sync')) return () => undefined;
  const wake = () => {
    if (!document.hidden) void door('POST', '/app/sync/wake').catch(() => undefined);
  };
  document.addEventListener('visibilitychange', wake);
  window.addEventListener('online', wake);
  return () => {
    document.removeEventListener('visibilitychange', wake);
    window.removeEventListener('online', wake);
  };
}

function follow(link: string): void {
  const path = linkPath(link);
  if (path) void goto(path);
}
