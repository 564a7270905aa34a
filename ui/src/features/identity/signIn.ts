import { answer, api, door, type TenantCard } from '$lib/api';
import { atServer, host } from '$lib/host';

/** What somebody types to sign in. */
export interface Credentials {
  server: string;
  tenant: string;
  email: string;
  password: string;
}

/** Signs in: a session for the browser, an account of its own in the app. */
export async function signIn(given: Credentials): Promise<void> {
  const { server, tenant, email, password } = given;
  if (host().has('accounts')) {
    await door('POST', '/app/accounts', { server, tenant, email, password });
  } else {
    await answer(api().POST('/v1/sessions', { body: { tenant, email, password, client: 'web' } }));
  }
}

/** The tenant of that short name, or the one of this host name; null when there is none. */
export async function findTenant(name: string | null, server: string | null = null): Promise<TenantCard | null> {
  try {
    return await answer<TenantCard>(api().GET('/v1/tenant-card', { params: { query: name ? { name } : {} }, headers: atServer(server) }));
  } catch {
    return null;
  }
}

/** The server that the app proposes. */
export async function defaultServer(): Promise<string> {
  if (!host().has('accounts')) return '';
  const found = await door<{ default_server?: string | null }>('GET', '/app/host');
  return found.default_server ?? '';
}
