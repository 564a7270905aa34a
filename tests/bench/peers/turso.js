// Turso: the sync server of its command line, and its sync client in this process.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { connect } from '@tursodatabase/sync';
import { freePort, start, until } from './processes.js';

const TABLE = `create table device (id text primary key, serial text, name text, model_id text, site_id text, note text, state text, created_at integer)`;
const INDEXES = ['create index by_name on device (name, id)', 'create index by_site on device (site_id, id)'];

export async function turso(folder, rows) {
  const url = `http://127.0.0.1:${await freePort()}`;
  const cli = createRequire(import.meta.url).resolve('turso/package.json');
  start(process.execPath, [join(cli, '../src/index.js'), join(folder, 'turso.db'), '--sync-server', url.slice('http://'.length)], { log: join(folder, 'turso.log') });
  await until('the sync server of Turso answers', () => fetch(url).then(() => true, () => false), 50);
  const a = await connect({ path: join(folder, 'turso-a.db'), url });
  for (const sql of [TABLE, ...INDEXES, 'begin']) await a.exec(sql);
  const insert = await a.prepare('insert into device values (?, ?, ?, ?, ?, ?, ?, ?)');
  for (const row of rows) await insert.run(...Object.values(row));
  await a.exec('commit');
  await a.push();
  const update = await a.prepare('update device set note = ? where id = ?');
  let clients = 0;
  return {
    /** A new client has everything: milliseconds. */
    async bootstrap() {
      const path = join(folder, `turso-${++clients}.db`);
      const began = performance.now();
      const one = await connect({ path, url });
      const [{ held }] = await (await one.prepare('select count(*) as held from device')).all();
      const whole = performance.now() - began;
      if (held !== rows.length) throw new Error(`Turso brings ${held} rows`);
      await one.close();
      return { whole };
    },
    /** Edits made without pushing, a transaction each, then one push. */
    async push(edits, round) {
      const began = performance.now();
      for (const { id } of rows.slice(0, edits)) await update.run(`edited in round ${round}`, id);
      const saved = performance.now() - began;
      const done = performance.now();
      await a.push();
      return { saved, pushed: performance.now() - done };
    },
  };
}
