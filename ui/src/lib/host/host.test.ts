import { describe, expect, it } from 'vitest';
import { appHost, type Door } from './app';
import { browserHost } from './browser';

function door(answer: { status: number; body: unknown }) {
  const asked: { method: string; path: string; body: unknown }[] = [];
  const stub: Door = {
    request: (method, path, body) => {
      asked.push({ method, path, body });
      return Promise.resolve(path === '/app/host' ? { status: 200, body: { capabilities: ['radio', 'sync'] } } : answer);
    },
    listen: () => () => {}
  };
  return { stub, asked };
}

describe('the app', () => {
  it('sends method, path with query, and the body as JSON', async () => {
    const { stub, asked } = door({ status: 201, body: { id: 'sit_1' } });
    const host = await appHost(stub);
    const response = await host.fetch(new Request(`${host.base}/v1/sites?q=a%20b`, { method: 'POST', body: '{"name":"Graz"}' }));
    expect(asked.at(-1)).toEqual({ method: 'POST', path: '/v1/sites?q=a%20b', body: { name: 'Graz' } });
    expect(response.status).toBe(201);
    expect(await response.json()).toEqual({ id: 'sit_1' });
  });

  it('gives an answer without a body where there is none', async () => {
    const host = await appHost(door({ status: 204, body: null }).stub);
    const response = await host.fetch(new Request(`${host.base}/v1/sessions/current`, { method: 'DELETE' }));
    expect(response.status).toBe(204);
    expect(await response.text()).toBe('');
  });

  it('asks for capabilities by name', async () => {
    const host = await appHost(door({ status: 200, body: null }).stub);
    expect([host.has('radio'), host.has('sync'), host.has('accounts')]).toEqual([true, true, false]);
  });

  it('names the server that a request before sign-in is for', async () => {
    const { stub, asked } = door({ status: 200, body: null });
    const host = await appHost(stub);
    await host.fetch(new Request(`${host.base}/v1/tenant-card?name=acme`, { headers: { 'x-omniot-server': 'https://iot.example' } }));
    expect(asked.at(-1)?.path).toBe('/v1/tenant-card?name=acme&server=https%3A%2F%2Fiot.example');
  });
});

describe('the browser', () => {
  it('proves that a write comes from a page of ours, and keeps the server to itself', async () => {
    const sent: Request[] = [];
    const host = browserHost('https://iot.example', (request) => {
      sent.push(request as Request);
      return Promise.resolve(new Response('{}'));
    });
    await host.fetch(new Request('https://iot.example/v1/sites', { method: 'POST', body: '{}', headers: { 'x-omniot-server': 'https://elsewhere.example' } }));
    expect(sent[0]?.headers.get('x-omniot')).toBe('1');
    expect(sent[0]?.headers.has('x-omniot-server')).toBe(false);
    expect(sent[0]?.credentials).toBe('same-origin');
  });

  it('has no native ability', () => {
    const host = browserHost('https://iot.example');
    expect(host.has('radio') || host.has('sync') || host.has('accounts')).toBe(false);
  });
});
