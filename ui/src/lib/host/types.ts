/** Names the server that a request before sign-in is for; only the app needs it, a browser has one server. */
export const SERVER_HEADER = 'x-omniot-server';

/** What a host can do beyond requests; asked for by name, never by platform. */
export type Capability = 'radio' | 'accounts' | 'sync' | 'operator';

/** The host says that something changed; the listener reads it again. `close`: somebody wants to close the window. */
export type HostEvent =
  | { type: 'sync' | 'accounts' | 'nearby' | 'commission' | 'close' }
  | { type: 'data'; entity?: string }
  | { type: 'link'; url: string };

/** What stands between the UI and the API. */
export interface Host {
  /** Where relative paths of the API resolve to. */
  readonly base: string;
  /** Sends one request to the API and gives its answer; rejects only when no answer came. */
  fetch(request: Request): Promise<Response>;
  /** Whether this host has the capability. */
  has(capability: Capability): boolean;
  /** Calls `listener` for each event until the returned function is called. */
  listen(listener: (event: HostEvent) => void): () => void;
}
