/**
 * The one client of the API: typed operations over the host's requests.
 *
 * Deliberately not here: caching (TanStack Query in the features) and words for errors (`lib/i18n`).
 */
import createClient, { type Client } from 'openapi-fetch';
import { host } from '$lib/host';
import { asProblem, Problem, problemOf } from './problem';
import type { paths } from './schema';

export { asProblem, Problem, problemOf } from './problem';
export { filled } from './query';
export type * from './types';

let client: Client<paths> | undefined;

/** The API of the host that we run in. */
export function api(): Client<paths> {
  client ??= createClient<paths>({ baseUrl: host().base, fetch: (request) => host().fetch(request) });
  return client;
}

interface Outcome<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The answer's body; throws a `Problem` for everything else. */
export async function answer<T>(outcome: Promise<Outcome<T>>): Promise<T> {
  let settled: Outcome<T>;
  try {
    settled = await outcome;
  } catch (thrown) {
    throw asProblem(thrown);
  }
  const { data, error, response } = settled;
  if (!response.ok) throw problemOf(response.status, error, response.headers.get('retry-after'));
  return data as T;
}

/** One call of the app's own door (`/app/…`, docs/ARCHITECTURE.md), which the API description does not cover. */
export async function door<T>(method: string, path: string, body?: unknown): Promise<T> {
  const request = new Request(host().base + path, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } })
  });
  let response: Response;
  try {
    response = await host().fetch(request);
  } catch (thrown) {
    throw asProblem(thrown);
  }
  const text = await response.text();
  let value: unknown = null;
  try {
    value = text === '' ? null : JSON.parse(text);
  } catch {
    throw new Problem('unreadable', response.status, '');
  }
  if (!response.ok) throw problemOf(response.status, value, response.headers.get('retry-after'));
  return value as T;
}
