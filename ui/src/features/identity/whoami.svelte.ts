import { getContext, setContext } from 'svelte';
import type { Me } from '$lib/api';
import { may } from './session';

const KEY = Symbol('whoami');

/** The person whose pages these are. */
export interface Whoami {
  readonly me: Me;
  may(permission: string): boolean;
}

/** Makes the signed-in person known to the pages below. */
export function provideWhoami(read: () => Me): void {
  setContext<Whoami>(KEY, {
    get me() {
      return read();
    },
    may: (permission) => may(read(), permission)
  });
}

/** The signed-in person. */
export function whoami(): Whoami {
  return getContext<Whoami>(KEY);
}
