// `make bench-peers`: synchronization of OmnIoT beside Turso and PouchDB, in turns within one run, on the same rows.
//
// What is measured and what makes the three different is said in docs/PERFORMANCE.md.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ours } from './ours.js';
import { pouch } from './pouch.js';
import { devices } from './rows.js';
import { turso } from './turso.js';

const asked = (name, otherwise) => Number(process.env[name] ?? otherwise);
const [ROWS, EDITS, ROUNDS, LOOKS] = [asked('ROWS', 10_000), asked('EDITS', 1_000), asked('ROUNDS', 5), asked('LOOKS', 100)];

const percentile = (samples, share) => [...samples].sort((one, other) => one - other)[Math.round((samples.length - 1) * share)];
const half = (samples) => percentile(samples, 0.5);
const ms = (value) => `${value < 100 ? value.toFixed(1) : Math.round(value)} ms`;
const line = (what, mine, theirs, peer) => console.log(`${what.padEnd(52)} ${ms(mine).padStart(10)} ${ms(theirs).padStart(10)}  ${(mine / theirs).toFixed(2).padStart(6)}  ${peer}`);

const folder = mkdtempSync(join(tmpdir(), 'omniot-peers-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const rows = devices(ROWS);
const [we, they, pouches] = [await ours(folder, rows), await turso(folder, rows), await pouch(folder, rows)];

const mine = { first: [], signIn: [], saved: [], pushed: [], live: [] };
const theirs = { first: [], saved: [], pushed: [], live: [] };
for (let round = 0; round < ROUNDS; round++) {
  const { whole, signIn } = await we.bootstrap();
  mine.first.push(whole);
  mine.signIn.push(signIn);
  theirs.first.push((await they.bootstrap()).whole);
  for (const [peer, into] of [[we, mine], [they, theirs]]) {
    const { saved, pushed } = await peer.push(EDITS, round);
    into.saved.push(saved / EDITS);
    into.pushed.push(pushed);
  }
}
for (let look = 0; look < LOOKS; look++) {
  mine.live.push(await we.live(look));
  theirs.live.push(await pouches.live(look));
}

console.log(`${'what'.padEnd(52)} ${'ours'.padStart(10)} ${'theirs'.padStart(10)}  ${'ratio'.padStart(6)}  peer`);
line(`first synchronization of ${ROWS} devices`, half(mine.first), half(theirs.first), 'Turso');
console.log(`${'  of which signing in, which Turso\'s has not'.padEnd(52)} ${ms(half(mine.signIn)).padStart(10)}`);
line('  beside one of PouchDB', half(mine.first), pouches.first, 'PouchDB');
line('one edit saved without a network', half(mine.saved), half(theirs.saved), 'Turso');
line(`${EDITS} offline edits pushed and acknowledged`, half(mine.pushed), half(theirs.pushed), 'Turso');
line('an edit on one is seen on another, p50', half(mine.live), half(theirs.live), 'PouchDB');
line('  p95', percentile(mine.live, 0.95), percentile(theirs.live, 0.95), 'PouchDB');
process.exit(0);
