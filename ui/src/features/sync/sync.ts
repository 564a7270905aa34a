import { createQuery, type QueryClient } from '@tanstack/svelte-query';
import { door } from '$lib/api';
import { host } from '$lib/host';

export type SyncState = 'synced' | 'syncing' | 'offline' | 'needs_sign_in' | 'locked' | 'suspended' | 'ended' | 'stopped' | 'paused';

/** When mobile data is saved. */
export type SaveData = 'off' | 'on' | 'automatic';

/** What the app's core says about its replica (`GET /app/sync`). */
export interface Sync {
  state: SyncState;
  synced_at: number | null;
  pending: number;
  attention: number;
  /** Photos and answers to checklists that the server does not have. */
  evidence?: number;
  /** How many of these it will never take. */
  evidence_refused?: number;
  clock_skew_ms: number | null;
  bytes_in: number;
  bytes_out: number;
  /** What the replica takes on this machine. */
  storage_bytes?: number;
  /** At how many chosen sites the person works; null: everywhere. */
  sites?: number | null;
  /** Why it does not get on; `stopped` never gets on by itself. */
  error?: { code: string; detail: string | null } | null;
  /** How many devices can still be claimed without a network. */
  grants?: number;
  /** Why nothing is fetched: somebody paused it, or it would be much over a metered network. */
  hold?: 'paused' | 'metered' | null;
  /** How far fetching everything has come; null where only what is new is fetched. */
  progress?: { received: number; of: number | null; bytes: number } | null;
  /** What everything would be, as the server last said. */
  expected?: { rows: number; bytes: number } | null;
  save_data?: SaveData;
  /** Whether photos wait for a network that is not metered. */
  photos_wifi?: boolean;
  /** For how long what is here may be read without a contact; times by the server's clock. */
  lease?: { days: number; heard_at: number | null; until: number | null; is_over: boolean; is_finishing: boolean };
  /** What the system says of the network; null where it says nothing. */
  metered?: boolean | null;
}

/** What the replica takes on this machine, by what it is for. */
export interface Room {
  records: number;
  unsent: number;
  settled: number;
  staged: number;
  telemetry: number;
  slack: number;
  reserved: number;
}

/** A change that the server did not take as it was. */
export interface Attention {
  intent_id: string;
  kind: string;
  target: { kind?: string; id?: string; name?: string | null } | null;
  at: number;
  code: string | null;
  detail: string | null;
  /** The record of an attempt: whoever discards it loses the evidence of what was done. */
  evidence?: boolean;
  /** What would be lost with that record, where the server does not have it. */
  photos?: number;
  answers?: number;
  mine: Record<string, unknown> | null;
  theirs: Record<string, unknown> | null;
  /** All there is of a change that this app cannot read; such a one is not sent again from here. */
  text?: string;
}

export const SYNC = ['app', 'sync'] as const;
export const ATTENTION = ['app', 'sync', 'attention'] as const;

/** The state of synchronization; only where the host has it. */
export function createSync() {
  return createQuery(() => ({
    queryKey: SYNC,
    queryFn: () => door<Sync>('GET', '/app/sync'),
    enabled: host().has('sync'),
    refetchInterval: 15_000
  }));
}

/** The changes that need somebody. */
export function createAttention() {
  return createQuery(() => ({
    queryKey: ATTENTION,
    queryFn: () => door<{ items: Attention[] }>('GET', '/app/sync/attention'),
    enabled: host().has('sync'),
    refetchInterval: 5_000
  }));
}

/** Synchronizes at once. */
export function syncNow(): Promise<unknown> {
  return door('POST', '/app/sync/now');
}

/** What comparing everything here with the server's came to. */
export type Verified = { result: 'same'; rows: number } | { result: 'different' | 'other_version' };

/** Synchronizes now and reads how it stands then; what went wrong, or null. */
export async function syncAndLook(queries: QueryClient): Promise<unknown> {
  try {
    await syncNow();
    return null;
  } catch (thrown) {
    return thrown;
  } finally {
    await queries.invalidateQueries({ queryKey: SYNC });
  }
}

/** Compares everything that is here with what the server holds. */
export function verify(): Promise<Verified> {
  return door<Verified>('POST', '/app/sync/verify');
}

/** What was saved into an archive, and where it is. */
export interface Saved {
  path: string;
  changes: number;
  /** Photos, answers to checklists, and what was recorded on the radio. */
  files: number;
}

/** Writes what has not reached the server into an archive. */
export function exportUnsent(): Promise<Saved> {
  return door('POST', '/app/sync/export');
}

/** The fields of a change, as its author is shown what others made of them. */
export function asShown({ mine, theirs }: Pick<Attention, 'mine' | 'theirs'>): Record<string, string | null> {
  const texts = Object.keys(mine ?? {}).map((field) => [field, theirs?.[field] ?? null] as const);
  return Object.fromEntries(texts.filter((entry): entry is [string, string | null] => entry[1] === null || typeof entry[1] === 'string'));
}

/** Sends a refused change again, made of what stands now, if that is what they were shown; with corrected values where some are given. */
export function retryIntent(item: Attention, values?: Record<string, unknown>): Promise<unknown> {
  return door('POST', `/app/sync/attention/${encodeURIComponent(item.intent_id)}/retry`, { values, was: item.theirs ? asShown(item) : {} });
}

/** Writes one change that needs attention, with its files, into an archive. */
export function exportIntent(id: string): Promise<Saved> {
  return door('POST', `/app/sync/attention/${encodeURIComponent(id)}/export`);
}

/** Says what is wanted of synchronization on this machine; what is absent stays. */
export function wish(wishes: { paused?: boolean; save_data?: SaveData; photos_wifi?: boolean; anyway?: boolean }): Promise<Sync> {
  return door<Sync>('PATCH', '/app/sync', wishes);
}

export const STORAGE = ['app', 'sync', 'storage'] as const;

/** What is taken by what on this machine. */
export function createStorage() {
  return createQuery(() => ({ queryKey: STORAGE, queryFn: () => door<{ room: Room; total: number }>('GET', '/app/sync/storage'), enabled: host().has('sync') }));
}

/** Gives room back that can be had again. */
export function freeUp(): Promise<{ freed: number }> {
  return door('POST', '/app/sync/storage/free');
}

/** Lets a refused change go; the server's version stays. */
export function discardIntent(id: string): Promise<unknown> {
  return door('DELETE', `/app/sync/attention/${encodeURIComponent(id)}`);
}
