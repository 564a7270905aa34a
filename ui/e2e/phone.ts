import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, connect, type Server, type Socket, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Browser, expect, type Page } from '@playwright/test';
import { person } from './actors';
import type { Locale, Look } from './looks';

const BIN = join(process.env.CARGO_TARGET_DIR ?? join(import.meta.dirname, '../../target'), 'debug');
const SERVER = new URL(process.env.OMNIOT_E2E_URL ?? 'http://127.0.0.1:8080');

/** The text of a virtual device's label. */
export function label(serial: string): string {
  const lines = readFileSync(process.env.OMNIOT_E2E_LABELS ?? 'labels.txt', 'utf8').split('\n');
  const found = lines.map((line) => line.split('\t')).find(([name]) => name === serial)?.[1];
  if (!found) throw new Error(`no virtual device ${serial}`);
  return found;
}

/** The secret on a virtual device's label. */
export function secret(serial: string): string {
  return (JSON.parse(label(serial)) as { pop: string }).pop;
}

/** The claim code on a virtual device's label, as somebody types it. */
export function claimCode(serial: string): string {
  return (JSON.parse(label(serial)) as { o: { c: string } }).o.c;
}

/** The way from the phone to the server, which can be cut. */
class Way {
  private readonly sockets = new Set<Socket>();
  private cutNow = false;
  private constructor(private readonly server: Server) {}

  static open(): Promise<Way> {
    return new Promise((resolve) => {
      const server = createServer((near) => way.carry(near));
      const way = new Way(server);
      server.listen(0, '127.0.0.1', () => resolve(way));
    });
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  cut(): void {
    this.cutNow = true;
    for (const socket of this.sockets) socket.destroy();
  }

  restore(): void {
    this.cutNow = false;
  }

  close(): void {
    this.cut();
    this.server.close();
  }

  private carry(near: Socket): void {
    if (this.cutNow) {
      near.destroy();
      return;
    }
    const far = connect(Number(SERVER.port), SERVER.hostname);
    for (const [one, other] of [[near, far], [far, near]] as const) {
      this.sockets.add(one);
      one.pipe(other);
      one.on('error', () => other.destroy());
      one.on('close', () => this.sockets.delete(one));
    }
  }
}

interface Answer {
  status: number;
  body: unknown;
}

/** Changes what the core answered, for what no virtual device does. */
export type Twist = (answer: Answer, method: string, path: string) => unknown;

const RADIO = process.env.OMNIOT_E2E_RADIO ?? '127.0.0.1:7070';

/** Does something to virtual devices (docs/COMMISSIONING.md); `*` means all. */
export function toDevices(device: string, act: string, more: object = {}, radio = RADIO): Promise<void> {
  const [hostname, port] = radio.split(':');
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    socket.on('error', reject);
    createInterface(socket).on('line', (line) => {
      const answer = JSON.parse(line) as { id?: number };
      if (answer.id !== 1) return;
      socket.destroy();
      if ('err' in answer) reject(new Error(line));
      else resolve();
    });
    socket.write(`${JSON.stringify({ id: 1, op: 'control', device, do: act, ...more })}\n`);
  });
}

/** A device of its own beside the fleet: with another seed another board in the same housing, with another key. */
export class Board {
  private constructor(
    private readonly fleet: ChildProcessWithoutNullStreams,
    private readonly folder: string,
    readonly radio: string,
    /** The text of its label. */
    readonly label: string
  ) {}

  static start(serial: string, seed: number): Promise<Board> {
    const folder = mkdtempSync(join(tmpdir(), 'omniot-board-'));
    writeFileSync(join(folder, 'fleet.toml'), `[[device]]\nserial = "${serial}"\n`);
    const fleet = spawn(join(BIN, 'omniot-device'), ['--control', '--pace=fast', '--listen=127.0.0.1:0', `--seed=${seed}`, `--fleet=${folder}/fleet.toml`, `--state-dir=${folder}/state`]);
    return new Promise((resolve, reject) => {
      let label = '';
      fleet.once('exit', () => reject(new Error('the device did not start')));
      createInterface(fleet.stdout).on('line', (line) => {
        if (line.startsWith(`${serial}\t`)) label = line.slice(serial.length + 1);
        const radio = / devices on (\S+)$/.exec(line)?.[1];
        if (radio) resolve(new Board(fleet, folder, radio, label));
      });
    });
  }

  /** Its electronics is taken out: nothing is heard of it any more. */
  takeOut(): void {
    this.fleet.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A technician's phone: the real client core in its own process, behind the pages in Chromium. */
export class Phone {
  private core: ChildProcessWithoutNullStreams | undefined;
  private readonly waiting: ((answer: Answer) => void)[] = [];
  /** Set while an answer of the core is to be changed. */
  twist: Twist | undefined;
  private readonly data = mkdtempSync(join(tmpdir(), 'omniot-phone-'));

  private constructor(
    readonly way: Way,
    readonly page: Page,
    private readonly radio: string
  ) {}

  static async open(browser: Browser, look: Look = { width: 360, height: 740, scheme: 'light' }, radio = RADIO): Promise<Phone> {
    const context = await browser.newContext({ viewport: { width: look.width, height: look.height }, colorScheme: look.scheme });
    const phone = new Phone(await Way.open(), await context.newPage(), radio);
    phone.start();
    await context.exposeFunction('omniotDoor', (method: string, path: string, body: unknown) => phone.request(method, path, body));
    await context.addInitScript(() => {
      const door = (window as unknown as { omniotDoor: (method: string, path: string, body: unknown) => Promise<unknown> }).omniotDoor;
      Object.assign(window, {
        __TAURI_INTERNALS__: {
          transformCallback: () => 1,
          unregisterCallback: () => undefined,
          invoke: (command: string, given: { method: string; path: string; body: unknown }) => (command === 'request' ? door(given.method, given.path, given.body) : Promise.resolve(1))
        }
      });
    });
    return phone;
  }

  /** Starts the core; after `kill` on the same data. */
  start(): void {
    const env = { ...process.env, OMNIOT_APP_DATA: this.data, OMNIOT_SERVER: this.way.origin, OMNIOT_VIRTUAL_RADIO: this.radio };
    this.core = spawn(join(BIN, 'omniot-app-under-test'), { env });
    createInterface(this.core.stdout).on('line', (line) => this.waiting.shift()?.(JSON.parse(line) as Answer));
  }

  /** `kill -9`. */
  async kill(): Promise<void> {
    const core = this.core;
    // With all that it had said: a late answer would be taken for one of the next core's.
    const gone = new Promise((resolve) => core?.once('close', resolve));
    core?.kill('SIGKILL');
    await gone;
    for (const answer of this.waiting.splice(0)) answer({ status: 503, body: { error: { code: 'offline', detail: 'the app was killed' } } });
  }

  async request(method: string, path: string, body: unknown): Promise<Answer> {
    const answer = await new Promise<Answer>((resolve) => {
      this.waiting.push(resolve);
      this.core?.stdin.write(`${JSON.stringify({ method, path, body })}\n`);
    });
    this.twist?.(answer, method, path);
    return answer;
  }

  /** Everything is in this language from the next page on. */
  async speak(locale: Locale): Promise<void> {
    await this.page.evaluate((chosen) => localStorage.setItem('omniot.locale', chosen), locale);
    await this.page.reload();
  }

  async signIn(of = 'northlift', at = '/sign-in', role: 'technician' | 'operator' = 'technician'): Promise<void> {
    const who = person(role, of);
    await this.page.goto(SERVER.origin + at);
    await expect(this.page.getByLabel('Server')).toHaveValue(this.way.origin);
    await this.page.getByLabel('Organization').fill(of);
    await this.page.getByLabel('E-mail').fill(who.email);
    await this.page.getByLabel('Password', { exact: true }).fill(who.password);
    await this.page.getByRole('button', { name: 'Sign in' }).click();
    await expect(this.page.getByRole('heading', { level: 1, name: 'Devices' })).toBeVisible();
    await this.synced();
  }

  /** Waits until everything is synchronized. */
  async synced(): Promise<void> {
    const sync = this.page.getByTestId('sync');
    await expect(sync).toHaveAttribute('data-state', 'synced', { timeout: 45_000 });
    await expect(sync).toHaveAttribute('data-pending', '0', { timeout: 45_000 });
  }

  async close(): Promise<void> {
    await this.kill();
    this.way.close();
    await this.page.context().close();
  }
}
