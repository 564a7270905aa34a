import { getContext, setContext } from 'svelte';
import type { Me } from '$lib/api';
import { may } from './session';

const KEY = Symbol('whoami');

/** The person whose pages these are. */
export interface Whoami {
  readonly me: Me;
  may(permission: string): boolean;
  /** Whether they work at every site; who does not makes no sites and changes no models. A server of before does not say. */
  readonly everywhere: boolean;
}

/** Makes the signed-in person known to the pages below. */
export function provideWhoami(read: () => Me): void {
  setContext<Whoami>(KEY, {
    get me() {
      return read();
    },
    get everywhere() {
      return read().everywhere ?? true;
    },
    may: (permission) => may(read(), permission)
  });
}

/** The signed-in person. */
export function whoami(): Whoami {
  return getContext<Whoami>(KEY);
}
