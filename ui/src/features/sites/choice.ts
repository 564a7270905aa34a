import { createQuery, keepPreviousData } from '@tanstack/svelte-query';
import { asProblem, type Site } from '$lib/api';
import { getSite, listSites, SITES } from './api';

/** The first sites that match what was typed; with nothing typed the first of all. */
export function createSiteSearch(q: () => string) {
  return createQuery(() => ({
    queryKey: [...SITES, 'search', q()],
    queryFn: () => listSites(q()),
    placeholderData: keepPreviousData,
    notifyOnChangeProps: 'all' as const,
    staleTime: 10_000
  }));
}

/** The chosen site; null for none and for one that is gone. */
export function createChosenSite(id: () => string) {
  const query = createQuery(() => ({
    queryKey: [...SITES, 'chosen', id()],
    queryFn: () => find(id()),
    enabled: id() !== '',
    // A page looks at the parts one after the other; what it has not looked at yet changes, too.
    notifyOnChangeProps: 'all' as const,
    staleTime: 10_000
  }));
  return {
    get site() {
      return id() === '' ? null : (query.data ?? null);
    },
    get waiting() {
      return id() !== '' && query.isPending;
    },
    get error() {
      return id() === '' ? null : query.error;
    },
    retry: () => void query.refetch()
  };
}

async function find(id: string): Promise<Site | null> {
  try {
    return await getSite(id);
  } catch (thrown) {
    if (asProblem(thrown).status === 404) return null;
    throw thrown;
  }
}
