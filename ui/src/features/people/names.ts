import { createQuery } from '@tanstack/svelte-query';
import { answer, api, type Page, type Person } from '$lib/api';

export const PEOPLE = ['people'] as const;

/** The first two hundred people, for choices. */
export function createPeopleNames() {
  const query = createQuery(() => ({
    queryKey: [...PEOPLE, 'names'],
    queryFn: () => answer<Page<Person>>(api().GET('/v1/people', { params: { query: { limit: 200 } } })),
    staleTime: 30_000
  }));
  return {
    get all() {
      return query.data?.items ?? [];
    }
  };
}
