import { invoke } from '@tauri-apps/api/core';
import { listen } from '@tauri-apps/api/event';
import { type Capability, type Host, type HostEvent, SERVER_HEADER } from './types';

interface Answer {
  status: number;
  body: unknown;
}

/** How a request leaves the window: one command, one event channel. */
export interface Door {
  request(method: string, path: string, body: unknown): Promise<Answer>;
  listen(listener: (event: HostEvent) => void): () => void;
}

const BASE = 'https://app.invalid';
const EMPTY = [204, 205, 304];

/** The app: the core behind the window holds the tokens and answers from its own store where it can. */
export async function appHost(door: Door = windowDoor()): Promise<Host> {
  const capabilities = await readCapabilities(door);
  return {
    base: BASE,
    async fetch(request) {
      const url = new URL(request.url);
      const text = await request.text();
      const body: unknown = text === '' ? null : JSON.parse(text);
      // Before anybody is signed in the page says which server it means.
      const server = request.headers.get(SERVER_HEADER);
      if (server) url.searchParams.set('server', server);
      return response(await door.request(request.method, url.pathname + url.search, body));
    },
    has: (capability) => capabilities.includes(capability),
    listen: (listener) => door.listen(listener)
  };
}

function response(answer: Answer): Response {
  if (EMPTY.includes(answer.status)) return new Response(null, { status: answer.status });
  return new Response(JSON.stringify(answer.body ?? null), {
    status: answer.status,
    headers: { 'content-type': 'application/json' }
  });
}

async function readCapabilities(door: Door): Promise<Capability[]> {
  const { body } = await door.request('GET', '/app/host', null);
  return (body as { capabilities?: Capability[] } | null)?.capabilities ?? [];
}

function windowDoor(): Door {
  return {
    request: (method, path, body) => invoke<Answer>('request', { method, path, body }),
    listen(listener) {
      const stop = listen<HostEvent>('omniot', (event) => listener(event.payload));
      return () => void stop.then((off) => off());
    }
  };
}
