import { createQuery } from '@tanstack/svelte-query';
import { answer, api, filled, type Page, type Site } from '$lib/api';
import { everyPage } from '$lib/api/lists.svelte';

export const SITES = ['sites'] as const;
const ALL = 200;

/** Every site that the person sees, page by page. */
export function allSites(): Promise<Site[]> {
  return everyPage((cursor) => answer<Page<Site>>(api().GET('/v1/sites', { params: { query: filled({ limit: ALL, cursor }) } })));
}

/** The first two hundred sites, for choices and for the names beside ids. */
export function createSiteNames() {
  const query = createQuery(() => ({
    queryKey: [...SITES, 'names'],
    queryFn: () => answer<Page<Site>>(api().GET('/v1/sites', { params: { query: { limit: ALL } } })),
    staleTime: 30_000
  }));
  return {
    get all() {
      return query.data?.items ?? [];
    },
    get waiting() {
      return query.isPending;
    },
    name: (id: string | null | undefined) => query.data?.items.find((site) => site.id === id)?.name ?? null
  };
}
