import type { QueryClient } from '@tanstack/svelte-query';
import { goto } from '$app/navigation';
import { page } from '$app/state';
import { forget } from '$features/identity/session';
import { Problem } from '$lib/api';
import { leaveFreely, settleUnsaved } from '$lib/parts/unsaved';
import { type Account, ACCOUNTS, lockAccounts } from './accounts';
import { leaveFrom } from './left';

/** Locks the app, or throws: what is typed and cannot be saved would go with its page. */
export async function lock(queries: QueryClient): Promise<void> {
  if (!(await settleUnsaved())) throw new Problem('work_unsaved', 0, '');
  const account = queries.getQueryData<{ items: Account[] }>(ACCOUNTS)?.items.find(({ active }) => active)?.id;
  // Only the account's own pages: the operator's are nobody else's, and those before sign-in may be about another account.
  const path = page.route.id?.startsWith('/(app)/') ? page.url.pathname + page.url.search : null;
  await lockAccounts();
  forget(queries);
  if (account && path) leaveFrom(account, path);
  await leaveFreely(() => goto('/sign-in', { replaceState: true }));
}
