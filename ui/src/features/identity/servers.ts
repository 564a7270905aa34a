/** The origin of a server's address; null when it is none that can be asked. */
export function originOf(server: string): string | null {
  try {
    const { origin, protocol } = new URL(server);
    return protocol === 'https:' || protocol === 'http:' ? origin : null;
  } catch {
    return null;
  }
}

/** A server as people tell servers apart: its host, in the letters that the network uses. */
export function hostOf(server: string): string {
  return originOf(server) === null ? server : new URL(server).host;
}
