// PouchDB: express-pouchdb in a process of its own, two databases in this one with live replication both ways.
import { once } from 'node:events';
import { join } from 'node:path';
import PouchDB from 'pouchdb';
import { answers, freePort, start, until } from './processes.js';

export async function pouch(folder, rows) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  start(process.execPath, [join(import.meta.dirname, 'pouch-server.js'), join(folder, 'pouch-'), String(port)], { log: join(folder, 'pouch.log') });
  await until('the server of PouchDB answers', () => answers(url), 50);
  const remote = `${url}/devices`;
  const server = new PouchDB(remote);
  for (let first = 0; first < rows.length; first += 1_000) {
    await server.bulkDocs(rows.slice(first, first + 1_000).map(({ id, ...row }) => ({ _id: id, ...row })));
  }
  const [a, b] = ['a', 'b'].map((name) => new PouchDB(join(folder, `pouch-${name}`)));
  const began = performance.now();
  await b.replicate.from(remote, { batch_size: 1_000 });
  const first = performance.now() - began;
  const { doc_count: held } = await b.info();
  if (held !== rows.length) throw new Error(`PouchDB brings ${held} rows`);
  await a.replicate.from(remote, { batch_size: 1_000 });
  for (const one of [a, b]) await once(one.sync(remote, { live: true, retry: true }), 'paused');
  return {
    /** Milliseconds of the first replication; once. */
    first,
    /** One edit at one database until the other one tells of it. */
    async live(n) {
      const { id } = rows[n % rows.length];
      const doc = await a.get(id);
      const note = `live ${n} ${Math.random()}`;
      const seen = new Promise((resolve) => {
        const feed = b.changes({ since: 'now', live: true, include_docs: true }).on('change', ({ doc }) => {
          if (doc.note !== note) return;
          resolve(performance.now());
          feed.cancel();
        });
      });
      const began = performance.now();
      await a.put({ ...doc, note });
      return (await seen) - began;
    },
  };
}
