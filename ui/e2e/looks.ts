import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';

/** How a screen can look. */
export interface Look {
  width: number;
  height: number;
  scheme: 'light' | 'dark';
}
export type Locale = 'en' | 'ar-XB';

interface LocaleLooks {
  locale: Locale;
  looks: [Look, Look];
}

const PHONE = { width: 360, height: 740 };
const DESKTOP = { width: 1280, height: 800 };

/** Every width, scheme and direction at least once with every other. */
export const LOOKS: [LocaleLooks, LocaleLooks] = [
  { locale: 'en', looks: [{ ...PHONE, scheme: 'light' }, { ...DESKTOP, scheme: 'dark' }] },
  { locale: 'ar-XB', looks: [{ ...PHONE, scheme: 'dark' }, { ...DESKTOP, scheme: 'light' }] }
];

/** The page looks like this from now on. */
export async function put(page: Page, look: Look): Promise<void> {
  await page.setViewportSize({ width: look.width, height: look.height });
  await page.emulateMedia({ colorScheme: look.scheme, reducedMotion: 'reduce' });
  // The brand follows the scheme a moment later; a page that is not ours has none.
  await page.waitForFunction((scheme) => (document.documentElement.dataset.scheme ?? scheme) === scheme, look.scheme);
}

/** What is wrong with what is shown: what axe finds, and what is wider than the screen. */
export async function faults(page: Page): Promise<string[]> {
  const found = await faultsNow(page);
  if (found.length === 0) return found;
  // What was caught while the page still changed its looks is gone a moment later; a fault stays.
  await page.waitForTimeout(500);
  return faultsNow(page);
}

async function faultsNow(page: Page): Promise<string[]> {
  await page.evaluate(() => new Promise((painted) => requestAnimationFrame(() => requestAnimationFrame(painted))));
  // No page has frames; without the way around them axe takes half the time.
  const { violations } = await new AxeBuilder({ page }).setLegacyMode().options({ resultTypes: ['violations'] }).analyze();
  const found = violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id} at ${node.target.join(' ')}`));
  const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  return wider > 0 ? [...found, `${wider} px wider than the screen`] : found;
}

/** The faults of what is shown, in one look after the other; it ends in the first. */
export async function faultsIn(page: Page, looks: [Look, Look], what: string, then?: (look: Look) => Promise<unknown>): Promise<string[]> {
  const found: string[] = [];
  for (const look of looks) {
    await put(page, look);
    found.push(...(await faults(page)).map((fault) => `${what}, ${look.width} px ${look.scheme}: ${fault}`));
    await then?.(look);
  }
  await put(page, looks[0]);
  return found;
}
