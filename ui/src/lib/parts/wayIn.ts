import { getContext, setContext } from 'svelte';

const KEY = Symbol('way in');

/** Says where the pages below lead somebody whose session has ended; null where that happens by itself. */
export function provideWayIn(read: () => string | null): void {
  setContext(KEY, read);
}

/** Where to sign in again, beside the words that say one must. */
export function wayIn(): () => string | null {
  return getContext<(() => string | null) | undefined>(KEY) ?? (() => null);
}
