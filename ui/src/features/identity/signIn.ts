import { answer, api, asProblem, door, Problem, type TenantCard } from '$lib/api';
import { atServer, host } from '$lib/host';

/** What somebody types to sign in. */
export interface Credentials {
  server: string;
  tenant: string;
  email: string;
  password: string;
}

/** Signs in: a session for the browser; an account of its own in the app, whose id is the answer. */
export async function signIn(given: Credentials): Promise<string | null> {
  const { server, tenant, email, password } = given;
  if (host().has('accounts')) return (await door<{ id: string }>('POST', '/app/accounts', { server, tenant, email, password })).id;
  await answer(api().POST('/v1/sessions', { body: { tenant, email, password, client: 'web' } }));
  return null;
}

/** What a server says of a tenant's short name: its card, that there is none, or nothing at all. */
export type Found = TenantCard | 'none' | 'offline' | 'unclear';

/** The tenant of that short name, or the one of this host name. */
export async function findTenant(name: string | null, server: string | null = null): Promise<Found> {
  try {
    return await answer<TenantCard>(api().GET('/v1/tenant-card', { params: { query: name ? { name } : {} }, headers: atServer(server) }));
  } catch (thrown) {
    const { code } = asProblem(thrown);
    return code === 'not_found' ? 'none' : code === 'offline' ? 'offline' : 'unclear';
  }
}

/** Signs in; where the organization does not exist, that is what is wrong, and no secret: anybody may ask for its card. */
export async function signInKnowing(given: Credentials): Promise<string | null> {
  try {
    return await signIn(given);
  } catch (thrown) {
    const problem = asProblem(thrown);
    const missing = problem.code === 'wrong_credentials' && (await findTenant(given.tenant, given.server || null)) === 'none';
    throw missing ? new Problem('unknown_tenant', problem.status, '', 'tenant') : problem;
  }
}

/** The server that the app proposes. */
export async function defaultServer(): Promise<string> {
  if (!host().has('accounts')) return '';
  const found = await door<{ default_server?: string | null }>('GET', '/app/host');
  return found.default_server ?? '';
}
