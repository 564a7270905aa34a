// OmnIoT: the server and the app's core as processes of their own, spoken to as pages speak to them.
import { join } from 'node:path';
import { mkdirSync } from 'node:fs';
import { answers, conversation, freePort, output, relay, start, until } from './processes.js';
import { uuid7 } from './rows.js';

const release = join(process.env.CARGO_TARGET_DIR ?? join(import.meta.dirname, '../../../target'), 'release');
const hex = () => uuid7().replaceAll('-', '');

export async function ours(folder, rows) {
  const [port, internal] = [await freePort(), await freePort()];
  const origin = `http://127.0.0.1:${port}`;
  const env = { OMNIOT_DATA: join(folder, 'server'), OMNIOT_LISTEN: `127.0.0.1:${port}`, OMNIOT_INTERNAL_LISTEN: `127.0.0.1:${internal}`, OMNIOT_PUBLIC_URL: origin, OMNIOT_DEVELOPMENT: 'true' };
  const program = join(release, 'omniot-under-test');
  const { tenants } = JSON.parse(await output(program, ['demo', '--json'], env));
  const tenant = tenants.find(({ name }) => name === 'northlift');
  start(program, ['serve'], { env, log: join(folder, 'ours.log') });
  await until('our server is ready', () => answers(`http://127.0.0.1:${internal}/readyz`), 50);
  const who = (role) => tenant.people.find((person) => person.role === role);
  await fill(origin, tenant.name, who('owner'), rows);

  const [near, far] = [await relay(port), await relay(port)];
  const account = (role, server) => ({ server, tenant: tenant.name, email: who(role).email, password: who(role).password });
  let apps = 0;
  const app = (server) => {
    const data = join(folder, `app-${++apps}`);
    mkdirSync(data);
    return handset(start(join(release, 'omniot-app-under-test'), [], { env: { OMNIOT_APP_DATA: data, OMNIOT_SERVER: server }, log: join(folder, 'apps.log'), piped: true }));
  };
  const [a, b] = [app(near.origin), app(far.origin)];
  for (const [one, way] of [[a, near], [b, far]]) {
    await one.ask('POST', '/app/accounts', account('operator', way.origin));
    await one.synced();
  }
  const ids = (await a.all('/v1/devices')).map(({ id }) => id);

  return {
    /** A new app signs in and has everything: milliseconds, and those of the sign-in alone. */
    async bootstrap() {
      const one = app(far.origin);
      await one.ask('GET', '/app/accounts');
      const began = performance.now();
      await one.ask('POST', '/app/accounts', account('viewer', far.origin));
      const signedIn = performance.now();
      await one.synced();
      const ended = performance.now();
      const { result, rows: held } = await one.ask('POST', '/app/sync/verify');
      if (result !== 'same' || held < rows.length) throw new Error(`a first synchronization brings ${held} rows, ${result}`);
      one.ends();
      return { whole: ended - began, signIn: signedIn - began };
    },
    /** Edits made offline, then from "sync now" until all have receipts. */
    async push(edits, round) {
      near.cut();
      await until('it is offline', async () => (await a.ask('GET', '/app/sync')).state === 'offline');
      const began = performance.now();
      for (const id of ids.slice(0, edits)) await a.ask('PATCH', `/v1/devices/${id}`, { note: `edited in round ${round}` });
      const saved = performance.now() - began;
      near.restore();
      const restored = performance.now();
      await a.ask('POST', '/app/sync/now');
      await until('everything is acknowledged', async () => (await a.ask('GET', '/app/sync')).pending === 0);
      const pushed = performance.now() - restored;
      await a.synced();
      await b.synced();
      return { saved, pushed };
    },
    /** One edit at one app until the other one shows it. */
    async live(n) {
      const [path, note] = [`/v1/devices/${ids[n % ids.length]}`, `live ${n} ${hex()}`];
      const began = performance.now();
      await a.ask('PATCH', path, { note });
      await until('the edit is seen', async () => (await b.ask('GET', path)).note === note);
      return performance.now() - began;
    },
  };
}

function handset(child) {
  const talk = conversation(child);
  const ask = async (method, path, body = null) => {
    const reply = await talk({ method, path, body });
    if (reply.status >= 300) throw new Error(`${method} ${path}: ${reply.status} ${JSON.stringify(reply.body)}`);
    return reply.body;
  };
  return {
    ask,
    async all(list) {
      const items = [];
      for (let next = ''; next !== null; ) {
        const page = await ask('GET', `${list}?limit=200${next}`);
        items.push(...page.items);
        next = page.next && `&cursor=${page.next}`;
      }
      return items;
    },
    synced: () => until('it is synchronized', async () => {
      const { state, pending } = await ask('GET', '/app/sync');
      return state === 'synced' && pending === 0;
    }),
    ends: () => child.stdin.end(),
  };
}

async function fill(origin, tenant, { email, password }, rows) {
  let token;
  const post = async (path, body) => {
    const answer = await fetch(origin + path, { method: 'POST', headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) }, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  };
  ({ token } = await post('/v1/sessions', { tenant, email, password, client: 'app', label: 'comparison' }));
  const sites = await Promise.all(Array.from({ length: 40 }, (_, n) => post('/v1/sites', { name: `Hall ${n}`, time_zone: 'UTC' })));
  const models = await Promise.all(Array.from({ length: 4 }, (_, n) => post('/v1/models', { name: `Sensor ${n}`, sku: `PEER-${n}`, min_security: 'sec1' })));
  const client_id = `cli_${hex()}`;
  for (let first = 0; first < rows.length; first += 500) {
    const intents = rows.slice(first, first + 500).map(({ serial, name }, at) => ({
      client_id, n: first + at + 1, id: `int_${hex()}`, at: 0, base: null,
      change: { kind: 'device.create', body: { serial, name, model_id: models[at % 4].id, site_id: sites[at % 40].id } },
    }));
    const { receipts } = await post('/v1/sync/push', { schema: 1, client_id, now: 0, intents });
    if (receipts.some(({ outcome }) => outcome.kind !== 'applied')) throw new Error('a device is not taken');
  }
}
