import { createQuery } from '@tanstack/svelte-query';
import { answer, api, type CommissioningQuality, filled, type Quality, type QualityBy } from '$lib/api';

export const GROUPINGS: QualityBy[] = ['model', 'firmware', 'app_version', 'phone'];
/** Periods to choose from, in days. */
export const PERIODS = ['7', '30', '90', '365'] as const;
const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/** What is looked at. */
export interface QualityFilter {
  by: QualityBy;
  days: string;
  site_id: string;
}

/** The filter that a page's address holds. */
export function filterOf(search: URLSearchParams): QualityFilter {
  const read = (name: string) => search.get(name) ?? '';
  return { by: GROUPINGS.find((by) => by === read('by')) ?? 'model', days: PERIODS.find((days) => days === read('days')) ?? '30', site_id: read('site_id') };
}

/** When the period began: a full hour, so that what is shown keeps its address for a while. */
export function beginOf(days: string, now: number): number {
  return Math.floor(now / HOUR_MS) * HOUR_MS - Number(days) * DAY_MS;
}

/** How well commissioning goes. */
export function createQuality(filter: () => QualityFilter, from: () => number) {
  return createQuery(() => ({
    queryKey: ['quality', filter(), from()],
    queryFn: () => answer<CommissioningQuality>(api().GET('/v1/attempts/quality', { params: { query: filled({ by: filter().by, site_id: filter().site_id, from: from() }) } })),
    refetchInterval: 60_000
  }));
}

/** The share of those that were not stopped; `null` where there are none. */
export function successRate({ succeeded, failed, interrupted }: Pick<Quality, 'succeeded' | 'failed' | 'interrupted'>): number | null {
  const tried = succeeded + failed + interrupted;
  return tried === 0 ? null : succeeded / tried;
}

/** The share of devices that succeeded at their first attempt; `null` where there are none. */
export function firstTryRate({ devices, first_try }: Pick<Quality, 'devices' | 'first_try'>): number | null {
  return devices === 0 ? null : first_try / devices;
}

/** Where the attempts behind a number are listed. */
export function listAddress(filter: QualityFilter, from: number, group: Quality | null, cause?: string): string {
  const own = group === null ? {} : filter.by === 'model' ? { model_id: group.model_id } : { [filter.by]: group.name };
  const query = filled({ site_id: filter.site_id, from: String(from), ...own, cause });
  return `/attempts?${new URLSearchParams(query as Record<string, string>).toString()}`;
}
