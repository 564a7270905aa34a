import { createQuery } from '@tanstack/svelte-query';
import { door } from '$lib/api';

/** How a check is answered. */
export type Evidence = 'tick' | 'text' | 'number' | 'photo';
export const EVIDENCES: Evidence[] = ['tick', 'text', 'number', 'photo'];

/** One thing that is to be checked at each device. */
export interface CheckItem {
  id: string;
  text: string;
  hint?: string | null;
  required: boolean;
  evidence: Evidence;
  /** Of a number. */
  unit?: string | null;
}

/** What the organization wants checked at each device. */
export interface Checklist {
  /** 0: there is none yet. */
  version: number;
  items: CheckItem[];
  updated_at?: number | null;
  updated_by?: string | null;
}

/** The most checks there can be. */
export const MOST_ITEMS = 50;

export const CHECKLIST = ['checklist'] as const;

/** The checklist of the organization. */
export const readChecklist = () => door<Checklist>('GET', '/v1/checklist');

/** The same, kept fresh while it is looked at. */
export function createChecklist() {
  return createQuery(() => ({ queryKey: CHECKLIST, queryFn: readChecklist, refetchInterval: 30_000 }));
}

/** Puts another list in the place of the version that was edited; refused with `stale` when another one stands. */
export function saveChecklist(version: number, items: CheckItem[]): Promise<Checklist> {
  return door<Checklist>('PUT', '/v1/checklist', { version, items });
}
