import { createQuery } from '@tanstack/svelte-query';
import { door } from '$lib/api';
import { host } from '$lib/host';

export type SyncState = 'synced' | 'syncing' | 'offline' | 'needs_sign_in' | 'locked' | 'suspended' | 'ended' | 'stopped';

/** What the app's core says about its replica (`GET /app/sync`). */
export interface Sync {
  state: SyncState;
  synced_at: number | null;
  pending: number;
  attention: number;
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
  mine: Record<string, unknown> | null;
  theirs: Record<string, unknown> | null;
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

/** Compares everything that is here with what the server holds. */
export function verify(): Promise<Verified> {
  return door<Verified>('POST', '/app/sync/verify');
}

/** Writes the changes that have not reached the server into a file. */
export function exportUnsent(): Promise<{ path: string; changes: number }> {
  return door('POST', '/app/sync/export');
}

/** Sends a refused change again. */
export function retryIntent(id: string): Promise<unknown> {
  return door('POST', `/app/sync/attention/${encodeURIComponent(id)}/retry`);
}

/** Lets a refused change go; the server's version stays. */
export function discardIntent(id: string): Promise<unknown> {
  return door('DELETE', `/app/sync/attention/${encodeURIComponent(id)}`);
}
