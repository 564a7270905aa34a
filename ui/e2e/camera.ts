import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from '@playwright/test';
import encodeQR from 'qr';
import config from '../playwright.config';

const WIDTH = 480;
const HEIGHT = 360;
const FRAMES_A_SECOND = 5;

/** One picture: the QR code of a text, a little out of the middle, as luma and two planes without colour. */
function picture(text: string): Buffer {
  const modules = encodeQR(text, 'raw', { border: 4 });
  const size = Math.floor((HEIGHT - 20) / modules.length);
  const [left, top] = [(WIDTH - size * modules.length) >> 1, 14];
  const luma = Buffer.alloc(WIDTH * HEIGHT, 180);
  for (const [y, row] of modules.entries()) {
    for (const [x, dark] of row.entries()) {
      for (let line = 0; line < size; line += 1) luma.fill(dark ? 40 : 220, (top + y * size + line) * WIDTH + left + x * size, (top + y * size + line) * WIDTH + left + (x + 1) * size);
    }
  }
  return Buffer.concat([Buffer.from('FRAME\n'), luma, Buffer.alloc((WIDTH * HEIGHT) / 2, 128)]);
}

/** A browser whose camera sees the codes of these texts, each for some seconds, again and again from the first. */
export async function browserThatSees(texts: string[], seconds: number): Promise<Browser> {
  const folder = mkdtempSync(join(tmpdir(), 'omniot-film-'));
  const film = join(folder, 'film.y4m');
  const head = Buffer.from(`YUV4MPEG2 W${WIDTH} H${HEIGHT} F${FRAMES_A_SECOND}:1 Ip A1:1 C420jpeg\n`);
  writeFileSync(film, Buffer.concat([head, ...texts.flatMap((text) => Array<Buffer>(seconds * FRAMES_A_SECOND).fill(picture(text)))]));
  const { args = [], ...options } = config.use?.launchOptions ?? {};
  const browser = await chromium.launch({ ...options, args: [...args, '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream', `--use-file-for-fake-video-capture=${film}`] });
  browser.on('disconnected', () => rmSync(folder, { recursive: true, force: true }));
  return browser;
}

/** From the next page on: keeps what cameras give, and lets them fail with an error of that name. */
export async function watchCameras(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const cameras = { streams: [] as MediaStream[], fail: null as string | null };
    const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (wanted) => {
      if (cameras.fail) throw new DOMException('', cameras.fail);
      const stream = await open(wanted);
      cameras.streams.push(stream);
      return stream;
    };
    Object.assign(window, { cameras });
  });
}

type Watched = { cameras: { streams: MediaStream[]; fail: string | null } };

/** How many cameras were opened, and how many are on. */
export function camerasOf(page: Page): Promise<{ opened: number; on: number }> {
  return page.evaluate(() => {
    const { streams } = (window as unknown as Watched).cameras;
    return { opened: streams.length, on: streams.flatMap((stream) => stream.getTracks()).filter(({ readyState }) => readyState === 'live').length };
  });
}

/** Cameras fail with an error of that name from now on, or do not fail any more. */
export async function failCameras(page: Page, name: string | null): Promise<void> {
  await page.evaluate((name) => void ((window as unknown as Watched).cameras.fail = name), name);
}
