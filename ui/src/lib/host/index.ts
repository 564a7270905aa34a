/**
 * The host: what the UI runs in. The only folder that may import `@tauri-apps/*`.
 *
 * Deliberately not here: what requests mean (see `lib/api`).
 * To add a native ability: a name in `Capability`, granted by the app's `GET /app/host`.
 */
import { appHost } from './app';
import { browserHost } from './browser';
import { type Host, SERVER_HEADER } from './types';

export type { Capability, Host, HostEvent } from './types';

let current: Host | undefined;

/** Finds out what we run in. Called once, before the first page. */
export async function openHost(): Promise<Host> {
  current ??= '__TAURI_INTERNALS__' in window ? await appHost() : browserHost(window.location.origin);
  return current;
}

/** The host of this window; `openHost` has run by the time a page is shown. */
export function host(): Host {
  if (!current) throw new Error('the host is not open yet');
  return current;
}

/** Headers that send a request from before sign-in to a server other than the app's default one. */
export function atServer(server: string | null): Record<string, string> {
  return server ? { [SERVER_HEADER]: server } : {};
}
