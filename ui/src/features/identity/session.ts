import { createQuery, hashKey, type QueryClient } from '@tanstack/svelte-query';
import { ACCOUNTS } from '$features/accounts/accounts';
import { forgetLeft } from '$features/accounts/left';
import { forgetWork } from '$features/checklist/work.svelte';
import { forgetChoices } from '$features/commissioning/api';
import { answer, api, type Me } from '$lib/api';

export const ME = ['me'] as const;
export const SESSIONS = ['sessions'] as const;

/** Who is signed in. Read again now and then, because a role can change under a session. */
export function createMe() {
  return createQuery(() => ({
    queryKey: ME,
    queryFn: () => answer<Me>(api().GET('/v1/me')),
    refetchInterval: 60_000
  }));
}

/** Whether the person may do something; the server decides again on each request. */
export function may(me: Me | undefined, permission: string): boolean {
  return me?.permissions.includes(permission) ?? false;
}

/** Forgets everything that was read as somebody; whether somebody else comes now. */
export function forget(queries: QueryClient, isOther = false): void {
  forgetChoices();
  forgetWork(isOther);
  forgetLeft();
  // Whoever listens to a query that is removed hears nothing any more, and what locks the device listens as long as the app runs.
  queries.removeQueries({ predicate: ({ queryHash }) => queryHash !== hashKey(ACCOUNTS) });
  queries.getMutationCache().clear();
  void queries.resetQueries({ queryKey: ACCOUNTS, exact: true });
}

/** Reads everything again as somebody else: the pages that are open too. */
export async function startOver(queries: QueryClient): Promise<void> {
  forgetChoices();
  forgetWork(true);
  await readAgain(queries);
}

/** Reads everything again. */
export async function readAgain(queries: QueryClient): Promise<void> {
  queries.removeQueries({ type: 'inactive' });
  await queries.resetQueries();
}

/** Where sign-in may lead afterwards: only to paths of our own. */
export function safeNext(next: string | null): string {
  return next && /^\/(?![/\\])/.test(next) && !next.startsWith('/sign-in') ? next : '/devices';
}
