import type { QueryClient } from '@tanstack/svelte-query';
import { goto } from '$app/navigation';
import { forget } from '$features/identity/session';
import { Problem } from '$lib/api';
import { settleUnsaved } from '$lib/parts/unsaved';
import { lockAccounts } from './accounts';

/** Locks the app, or throws: what is typed and cannot be saved would go with its page. */
export async function lock(queries: QueryClient): Promise<void> {
  if (!(await settleUnsaved())) throw new Problem('work_unsaved', 0, '');
  await lockAccounts();
  forget(queries);
  await goto('/sign-in', { replaceState: true });
}
