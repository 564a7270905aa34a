import { createQuery } from '@tanstack/svelte-query';
import { type Brand, door } from '$lib/api';
import { host } from '$lib/host';
import type { Farewell } from './farewell';

/** One account that the app holds. */
export interface Account {
  id: string;
  server: string;
  tenant: { name: string; display_name: string; brand: Brand | null };
  person: { name: string; email: string };
  active: boolean;
  /** It takes a password to work in it: it is somebody else's, or nobody's is open. */
  locked?: boolean;
  state: string;
  pending: number;
  /** What signing out would lose: waiting, refused and unfinished work. */
  unsent?: number;
  /** There once the person is no member any more. */
  farewell?: Farewell | null;
}

export const ACCOUNTS = ['app', 'accounts'] as const;

/** The accounts of this app; only where the host has them. */
export function createAccounts() {
  return createQuery(() => ({
    queryKey: ACCOUNTS,
    queryFn: () => door<{ items: Account[] }>('GET', '/app/accounts'),
    enabled: host().has('accounts')
  }));
}

/** How much of the account's work nobody else has. */
export function unsentOf(account: Account): number {
  return account.unsent ?? account.pending;
}

/** Sign-in with everything filled in that the app knows of the account; afterwards one is back at `next`. */
export function signInAgain(account: Account, next: string): string {
  return `/sign-in?${new URLSearchParams({ add: '1', server: account.server, tenant: account.tenant.name, email: account.person.email, next })}`;
}

/** Shows another account's pages from now on; a locked one takes its password. */
export function activate(id: string, password?: string): Promise<unknown> {
  return door('POST', `/app/accounts/${encodeURIComponent(id)}/activate`, password === undefined ? undefined : { password });
}

/** Nobody works in any account until one is opened with its password. */
export function lockAccounts(): Promise<unknown> {
  return door('POST', '/app/accounts/lock');
}

/** Signs out and removes the account's data from this machine; unsent changes only when told so. */
export function removeAccount(id: string, discard: boolean): Promise<unknown> {
  return door('DELETE', `/app/accounts/${encodeURIComponent(id)}${discard ? '?discard=true' : ''}`);
}
