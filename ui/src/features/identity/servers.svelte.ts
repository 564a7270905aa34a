import { createQuery } from '@tanstack/svelte-query';
import { createAccounts } from '$features/accounts/accounts';
import { host } from '$lib/host';
import { defaultServer } from './signIn';
import { originOf } from './servers';

/** The servers that this app knows already: its default one and those of its accounts. A browser knows its own only. */
export function createKnownServers() {
  const inApp = host().has('accounts');
  const proposed = createQuery(() => ({ queryKey: ['app', 'host', 'server'], queryFn: defaultServer, enabled: inApp, retry: false }));
  const accounts = createAccounts();
  const known = $derived([proposed.data ?? '', ...(accounts.data?.items ?? []).map(({ server }) => server)].map(originOf));
  return {
    get waiting() {
      return inApp && (proposed.isPending || accounts.isPending);
    },
    /** The server that is meant when none is named. */
    get own() {
      return inApp ? (proposed.data ?? '') : window.location.origin;
    },
    knows: (server: string) => !inApp || known.includes(originOf(server))
  };
}
