import { type Host, SERVER_HEADER } from './types';

/**
 * The browser: plain HTTP to the origin that served the page. The session is an HttpOnly cookie that
 * scripts cannot read; the header `x-omniot` proves that a write comes from a page of this origin.
 */
export function browserHost(base: string, send: typeof fetch = fetch): Host {
  return {
    base,
    fetch(request) {
      const own = new Request(request, { credentials: 'same-origin' });
      own.headers.delete(SERVER_HEADER);
      own.headers.set('x-omniot', '1');
      return send(own);
    },
    has: () => false,
    listen: () => () => {}
  };
}
