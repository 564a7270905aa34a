import { createQuery } from '@tanstack/svelte-query';
import { answer, api, type DeviceModel, type Page } from '$lib/api';

export const MODELS = ['models'] as const;
const ALL = 200;

/** The first two hundred models, for choices and for the names beside ids. */
export function createModelNames() {
  const query = createQuery(() => ({
    queryKey: [...MODELS, 'names'],
    queryFn: () => answer<Page<DeviceModel>>(api().GET('/v1/models', { params: { query: { limit: ALL } } })),
    staleTime: 30_000
  }));
  return {
    get all() {
      return query.data?.items ?? [];
    },
    name: (id: string | null) => query.data?.items.find((model) => model.id === id)?.name ?? null
  };
}
