import encodeQR from 'qr';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Problem } from '$lib/api';
import { bundleOf } from '$lib/i18n/words';
import { whenSomebodyIsHere } from '$lib/parts/presence';
import { NoWayToCamera, openCamera, textIn, type Trouble, troubleOf, TROUBLES } from './camera';
import { createScan } from './scan.svelte';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const later = (ms: number) => vi.advanceTimersByTimeAsync(ms);

/** A camera whose picture and whose end the test gives; it counts how many are on. */
function camera(light: ((on: boolean) => Promise<unknown>) | null = null) {
  const it = { on: 0, seen: null as string | null, unplug: () => {} };
  const open = vi.fn(() => {
    it.on += 1;
    return Promise.resolve({ look: () => it.seen, light, whenGone: (gone: () => void) => (it.unplug = gone), close: () => void (it.on -= 1) });
  });
  return Object.assign(it, { open });
}

/** The picture of a code as a camera sees it: grey, larger than its modules, and not at the edge. */
function picture(text: string) {
  const modules = encodeQR(text, 'raw', { border: 4 });
  const [width, height, size, left, top] = [640, 480, 6, 90, 40];
  const data = new Uint8ClampedArray(width * height * 4).fill(190);
  for (const [y, row] of modules.entries()) {
    for (const [x, dark] of row.entries()) {
      for (let at = 0; at < size * size; at += 1) {
        const pixel = (top + y * size + Math.floor(at / size)) * width + left + x * size + (at % size);
        data.fill(dark ? 40 : 215, pixel * 4, pixel * 4 + 3);
      }
    }
  }
  return { width, height, data };
}

it('the label in a picture is read to the letter, also one that is no ASCII; where there is none, none is', () => {
  const label = '{"ver":"v1","name":"OM-N0001","pop":"0123456789abcdef","transport":"ble","o":{"s":"OM-N0001","k":"q2V0","c":"8K3T-99AB-X4"}}';
  expect(textIn(picture(label))).toBe(label);
  expect(textIn(picture('Gerät 7 · Halle'))).toBe('Gerät 7 · Halle');
  expect(textIn({ width: 640, height: 480, data: new Uint8ClampedArray(640 * 480 * 4).fill(120) })).toBeNull();
});

it('each error of a camera has its trouble, and each trouble its words and its way out', async () => {
  const named: [string, Trouble][] = [['NotAllowedError', 'denied'], ['SecurityError', 'denied'], ['NotFoundError', 'absent'], ['OverconstrainedError', 'absent'], ['NotReadableError', 'busy'], ['AbortError', 'busy'], ['TypeError', 'unknown']];
  for (const [name, trouble] of named) {
    const scan = createScan(() => Promise.reject(new DOMException('', name)), () => Promise.resolve('more'));
    await scan.start();
    expect([name, scan.state]).toEqual([name, trouble]);
  }
  expect([troubleOf(new NoWayToCamera()), troubleOf('what?')]).toEqual(['missing', 'unknown']);
  const known = [...bundleOf('en')._messages.keys()];
  expect(TROUBLES.flatMap((one) => [`camera-${one}`, `camera-fix-${one}`]).filter((key) => !known.includes(key))).toEqual([]);
});

it('who reads labels is here, and a label that lies before the camera is nobody', async () => {
  const eye = camera();
  const here = vi.fn();
  const unwatch = whenSomebodyIsHere(here);
  const scan = createScan(eye.open, () => Promise.resolve('more'));
  await scan.start();
  eye.seen = 'one';
  await later(60_000);
  expect(here).toHaveBeenCalledTimes(1);
  eye.seen = 'another one';
  await later(1_000);
  expect(here).toHaveBeenCalledTimes(2);
  unwatch();
  eye.seen = 'one';
  await later(1_000);
  expect(here).toHaveBeenCalledTimes(2);
  scan.stop();
});

it('one label ends the scan and the camera', async () => {
  const eye = camera();
  const take = vi.fn(() => Promise.resolve('done' as const));
  const scan = createScan(eye.open, take);
  await scan.start();
  expect([scan.state, eye.on]).toEqual(['looking', 1]);
  eye.seen = 'a label';
  await later(200);
  expect([take.mock.calls, scan.state, eye.on]).toEqual([[['a label']], 'off', 0]);
  await later(5_000);
  expect(take).toHaveBeenCalledTimes(1);
});

it('a foreign code is refused in words, once as long as it is held there, and the next one is read', async () => {
  const eye = camera();
  const take = vi.fn((text: string) => (text === 'foreign' ? Promise.reject(new Problem('label_unreadable', 422, '', 'text')) : Promise.resolve('more' as const)));
  const scan = createScan(eye.open, take);
  await scan.start();
  eye.seen = 'foreign';
  await later(10_000);
  expect([take.mock.calls.length, scan.problem?.code, scan.state, eye.on]).toEqual([1, 'label_unreadable', 'looking', 1]);
  eye.seen = 'good';
  await later(200);
  expect([take.mock.calls.length, scan.problem, scan.state]).toEqual([2, null, 'looking']);
  // Taken away and held there once more, it is asked for once more.
  eye.seen = null;
  await later(2_000);
  eye.seen = 'good';
  await later(200);
  expect(take).toHaveBeenCalledTimes(3);
});

it('when nothing is read for a while, what helps is said, until something is read', async () => {
  const eye = camera();
  const scan = createScan(eye.open, () => Promise.resolve('more'));
  await scan.start();
  await later(7_000);
  expect(scan.hint).toBe(false);
  await later(2_000);
  expect(scan.hint).toBe(true);
  eye.seen = 'a label';
  await later(200);
  expect(scan.hint).toBe(false);
});

it('a camera that opens after the dialog closed is switched off at once', async () => {
  const eye = camera();
  let allow = () => {};
  const asked = new Promise<void>((resolve) => (allow = resolve));
  const scan = createScan(() => asked.then(eye.open), () => Promise.resolve('more'));
  const starting = scan.start();
  scan.stop();
  allow();
  await starting;
  expect([eye.open.mock.calls.length, eye.on, scan.state]).toEqual([1, 0, 'off']);
});

it('what a camera shows that is not wanted any more goes at once, and the picture of the next one stays', async () => {
  const track = () => ({ stop: vi.fn(), addEventListener: vi.fn() });
  const [first, second] = [track(), track()];
  const streamOf = (one: ReturnType<typeof track>) => ({ getTracks: () => [one], getVideoTracks: () => [one] });
  const newer = streamOf(second);
  let allow = () => {};
  let play = () => {};
  const video = { srcObject: null as unknown, play: () => new Promise<void>((resolve) => (play = resolve)) };
  const shown = video as unknown as HTMLVideoElement;
  vi.stubGlobal('navigator', { mediaDevices: { getUserMedia: () => new Promise((resolve) => (allow = () => resolve(streamOf(first)))) } });
  try {
    // Closed while the person is asked; by then another one has opened.
    const asked = new AbortController();
    const late = openCamera(shown, asked.signal).catch(() => 'closed');
    asked.abort();
    video.srcObject = newer;
    allow();
    expect(await late).toBe('closed');
    expect([first.stop.mock.calls.length, second.stop.mock.calls.length, video.srcObject]).toEqual([1, 0, newer]);
    // Closed while the picture is about to come.
    const playing = new AbortController();
    void openCamera(shown, playing.signal).catch(() => 'closed');
    allow();
    await later(0);
    expect(video.srcObject).not.toBe(newer);
    playing.abort();
    expect([first.stop.mock.calls.length, video.srcObject]).toEqual([2, null]);
    play();
  } finally {
    vi.unstubAllGlobals();
  }
});

it('a picture that cannot be read is trouble, and the camera goes off', async () => {
  const close = vi.fn();
  const broken = () => {
    throw new Error('out of memory');
  };
  const scan = createScan(() => Promise.resolve({ look: broken, light: null, whenGone: () => {}, close }), () => Promise.resolve('more'));
  await scan.start();
  expect([scan.state, close.mock.calls.length]).toEqual(['unknown', 1]);
});

it('a label that is still being read when the scan stops brings nothing back', async () => {
  const eye = camera();
  let answer = () => {};
  const scan = createScan(eye.open, () => new Promise((resolve) => (answer = () => resolve('more'))));
  await scan.start();
  eye.seen = 'a label';
  await later(200);
  expect(scan.state).toBe('checking');
  scan.stop();
  answer();
  await later(5_000);
  expect([scan.state, eye.on]).toEqual(['off', 0]);
});

it('a camera that goes is missed, and the next try finds it again', async () => {
  const eye = camera();
  const scan = createScan(eye.open, () => Promise.resolve('more'));
  await scan.start();
  eye.unplug();
  expect([scan.state, eye.on]).toEqual(['lost', 0]);
  await scan.start();
  expect([scan.state, eye.on]).toEqual(['looking', 1]);
});

it('the light is offered where there is one, and no more where it cannot be switched', async () => {
  const without = createScan(camera().open, () => Promise.resolve('more'));
  await without.start();
  expect(without.light).toBeNull();
  const asked: boolean[] = [];
  let broken = false;
  const scan = createScan(camera((on) => (asked.push(on), broken ? Promise.reject(new Error()) : Promise.resolve())).open, () => Promise.resolve('more'));
  await scan.start();
  expect(scan.light).toBe(false);
  await scan.switchLight();
  expect(scan.light).toBe(true);
  await scan.switchLight();
  expect([scan.light, asked]).toEqual([false, [true, false]]);
  broken = true;
  await scan.switchLight();
  expect(scan.light).toBeNull();
});
