// Processes and sockets of a comparison: started on free ports, gone with it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';

const children = [];
process.on('SIGINT', () => process.exit(130));
process.on('exit', () => {
  const running = children.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
  // Whole groups: some of these programs start another one.
  running.forEach(({ pid }) => process.kill(-pid, 'SIGKILL'));
});

export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** A process that writes to `<log>`; killed at the end. */
export function start(program, args, { env = {}, log, piped = false } = {}) {
  const file = openSync(log, 'a');
  const child = spawn(program, args, { env: { ...process.env, ...env }, detached: true, stdio: [piped ? 'pipe' : 'ignore', piped ? 'pipe' : file, file] });
  children.push(child);
  return child;
}

/** What a process prints before it ends well. */
export async function output(program, args, env) {
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (part) => (text += part));
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ends with ${code}`);
  return text;
}

/** Asks again until the answer is true, for a minute or so. */
export async function until(what, ask, glance = 1) {
  for (const end = performance.now() + 120_000; performance.now() < end; await pause(glance)) {
    if (await ask()) return;
  }
  throw new Error(`it did not come true: ${what}`);
}

export const answers = (url) => fetch(url).then((answer) => answer.ok, () => false);

/** Lines of JSON to a process, lines of JSON back. */
export function conversation(child) {
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return async (question) => {
    child.stdin.write(JSON.stringify(question) + '\n');
    const { value, done } = await lines.next();
    if (done) throw new Error(`it ended at ${JSON.stringify(question)}`);
    return JSON.parse(value);
  };
}

/** A relay to `port` that can be cut. */
export async function relay(port) {
  let up = true;
  const open = new Set();
  const server = createServer((near) => {
    if (!up) return near.destroy();
    const far = connect(port, '127.0.0.1');
    for (const [one, other] of [[near, far], [far, near]]) {
      open.add(one);
      one.setNoDelay(true);
      one.pipe(other);
      one.on('error', () => other.destroy());
      one.on('close', () => open.delete(one) && other.destroy());
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = () => {
    up = false;
    open.forEach((socket) => socket.destroy());
  };
  return { origin: `http://127.0.0.1:${server.address().port}`, cut, restore: () => (up = true) };
}
