import type { QueryClient } from '@tanstack/svelte-query';
import { goto } from '$app/navigation';
import { answer, api, asProblem } from '$lib/api';
import { host } from '$lib/host';
import { forget } from './session';

/**
 * Ends this session, or throws: nobody is told that they left while the server still lets this session in.
 * In the app an account is removed on its own page, where unsent changes are shown first.
 */
export async function signOut(queries: QueryClient): Promise<void> {
  if (host().has('accounts')) {
    await goto('/accounts');
    return;
  }
  await ended(answer(api().DELETE('/v1/sessions/current')));
  forget(queries);
  await goto('/sign-in');
}

/** Waits for the end of a session; one that is over already has ended too. */
export async function ended(ending: Promise<unknown>): Promise<void> {
  try {
    await ending;
  } catch (thrown) {
    if (asProblem(thrown).code !== 'not_signed_in') throw thrown;
  }
}
