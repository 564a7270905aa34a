import { createQuery } from '@tanstack/svelte-query';
import { answer, api, type CheckItem, type Checklist, type Evidence } from '$lib/api';

/** How a check can be answered. */
export const EVIDENCES: Evidence[] = ['tick', 'text', 'number', 'photo'];

/** The most checks there can be. */
export const MOST_ITEMS = 50;

export const CHECKLIST = ['checklist'] as const;

/** What the organization wants checked at each device. */
export const readChecklist = () => answer<Checklist>(api().GET('/v1/checklist'));

/** The same, kept fresh while it is looked at. */
export function createChecklist() {
  return createQuery(() => ({ queryKey: CHECKLIST, queryFn: readChecklist, refetchInterval: 30_000 }));
}

/** Puts another list in the place of the version that was edited; refused with `stale` when another one stands. */
export function saveChecklist(version: number, items: CheckItem[]): Promise<Checklist> {
  return answer<Checklist>(api().PUT('/v1/checklist', { body: { version, items } }));
}
