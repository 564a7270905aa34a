import { createQuery } from '@tanstack/svelte-query';
import { type CheckCounts, type Checks, CHECKS, readChecks } from '$features/checklist/checks';
import { asProblem, door } from '$lib/api';
import { host } from '$lib/host';
import { t } from '$lib/i18n/index.svelte';
import { COMMISSION } from './door';

export type ItemState = 'waiting' | 'running' | 'done' | 'failed';

/** A label of the visit, and what became of its device. */
export interface VisitItem {
  id: string;
  serial: string | null;
  /** What the device calls itself in the air. */
  name: string | null;
  device_name: string | null;
  device: { id: string; name: string; state: string; note: string | null; firmware: string | null } | null;
  state: ItemState;
  /** It has probably joined: the connection closed before it could say so. */
  unconfirmed?: boolean;
  /** Whether the platform has seen it since; absent: not said. */
  seen?: boolean | null;
  tries: number;
  attempt_id: string | null;
  cause: string | null;
  in_range: boolean;
  rssi: number | null;
  took_ms: number | null;
  /** What was checked there; null: nobody has begun with it. */
  checks?: CheckCounts | null;
}

/** A planned device whose label was not scanned yet. */
export interface PlannedDevice {
  device_id: string;
  name: string;
  serial: string;
  /** Absent: not heard. */
  rssi?: number | null;
}

/** Many devices at one site (`GET /app/visit`). */
export interface Visit {
  site_id: string;
  started_at: number;
  auto: boolean;
  /** Whether somebody let it go on in this run of the app. */
  going: boolean;
  /** Whether an earlier visit is kept that this version of the app cannot read. */
  unreadable?: boolean;
  networks: { kind: 'wifi' | 'thread'; name: string; keep: boolean }[];
  items: VisitItem[];
  planned: PlannedDevice[];
  counts: Record<ItemState, number>;
}

export const VISIT = [...COMMISSION, 'visit'] as const;

/** The visit under way. */
export function createVisit() {
  return createQuery(() => ({ queryKey: VISIT, queryFn: () => door<Visit | null>('GET', '/app/visit'), enabled: host().has('radio'), refetchInterval: 2_000 }));
}

/** What was checked at each device of the visit, by its attempt; from this machine. */
export function createVisitChecks(visit: () => Visit | null) {
  const attempts = () => (visit()?.items ?? []).flatMap(({ attempt_id, checks }) => (attempt_id && checks ? [attempt_id] : []));
  return createQuery(() => ({
    queryKey: [...CHECKS, 'visit', ...attempts()],
    queryFn: async (): Promise<Record<string, Checks | null>> => Object.fromEntries(await Promise.all(attempts().map(async (attempt) => [attempt, await readIfKnown(attempt)] as const))),
    enabled: visit() !== null
  }));
}

/** Of an attempt that is not known here any more nothing can be said; the others can. */
async function readIfKnown(attempt: string): Promise<Checks | null> {
  try {
    return await readChecks(attempt);
  } catch (thrown) {
    if (asProblem(thrown).code === 'not_found') return null;
    throw thrown;
  }
}

const ask = (method: 'POST' | 'PUT' | 'PATCH' | 'DELETE', rest: string, body?: unknown) => door<Visit>(method, `/app/visit${rest}`, body);

/** A network for all devices of the visit; its secrets stay in the app's core. */
export type VisitNetwork = { keep: boolean } & ({ ssid: string; passphrase: string } | { dataset: string });

export const beginVisit = (site_id: string) => ask('POST', '', { site_id, auto: true });
export const endVisit = () => door('DELETE', '/app/visit');
export const letGoOn = (auto: boolean) => ask('PATCH', '', { auto });
export const giveVisitNetwork = (body: VisitNetwork) => ask('PUT', '/network', body);
export const forgetVisitNetwork = () => ask('DELETE', '/network');
export const addLabel = (label: string) => ask('POST', '/items', { label });
export const removeItem = (id: string) => ask('DELETE', `/items/${encodeURIComponent(id)}`);
export const tryAgain = (id: string) => ask('POST', `/items/${encodeURIComponent(id)}/again`);
export const nextDevice = () => ask('POST', '/next');

/** How many devices that are done have required checks open. */
export const withOpenChecks = ({ items }: Pick<Visit, 'items'>): number => items.filter(({ state, checks }) => state === 'done' && (checks?.required_open ?? 0) > 0).length;

/** What to call an item's device. */
export const itemName = (item: VisitItem): string => item.device?.name ?? item.device_name ?? item.serial ?? item.name ?? '';

/** What is said of the label that was added last. */
export function addedWords({ items }: Visit): string {
  const added = items.at(-1);
  return t('visit-added', { name: added?.device?.name ?? added?.serial ?? added?.name ?? '' });
}
