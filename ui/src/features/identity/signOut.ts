import type { QueryClient } from '@tanstack/svelte-query';
import { goto } from '$app/navigation';
import { answer, api } from '$lib/api';
import { host } from '$lib/host';
import { forget } from './session';

/** Ends this session. In the app an account is removed on its own page, where unsent changes are shown first. */
export async function signOut(queries: QueryClient): Promise<void> {
  if (host().has('accounts')) {
    await goto('/accounts');
    return;
  }
  try {
    await answer(api().DELETE('/v1/sessions/current'));
  } finally {
    forget(queries);
    await goto('/sign-in');
  }
}
