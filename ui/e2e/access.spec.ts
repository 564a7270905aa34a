import { readdirSync } from 'node:fs';
import { join, sep } from 'node:path';
import AxeBuilder from '@axe-core/playwright';
import { expect, type Page, test } from '@playwright/test';
import { fresh, invitationLink, signIn, signInOperator, somebody } from './actors';

const OUTSIDE = ['/sign-in?tenant=northlift', '/forgot-password', '/reset-password#token=omr_x', '/invitation#token=omi_x', '/operator/sign-in'];
const INSIDE = ['/devices', '/devices/new', 'first /devices', '/sites', 'first /sites', '/models', '/people', '/roles', '/audit', '/attempts', '/sessions', '/preferences', '/more', '/commission', '/attention', '/accounts', '/nowhere'];
const OPERATOR = ['/operator/tenants', 'first /operator/tenants', '/operator/tenants/new', '/operator/mail'];
const LOOKS = [
  { name: 'phone, light', width: 360, height: 740, scheme: 'light', locale: 'en' },
  { name: 'phone, dark, right to left', width: 360, height: 740, scheme: 'dark', locale: 'ar-XB' },
  { name: 'desktop, dark', width: 1280, height: 800, scheme: 'dark', locale: 'en' },
  { name: 'desktop, light, right to left', width: 1280, height: 800, scheme: 'light', locale: 'ar-XB' }
] as const;

/** Goes to the page, or to the first thing of a list, and waits until nothing is loading. */
async function open(page: Page, path: string): Promise<void> {
  const [list] = path.startsWith('first ') ? [path.slice(6)] : [];
  await page.goto(list ?? path);
  if (list) await page.locator(`main a[href^="${list}/"][data-row]`).first().click();
  await expect(page.getByRole('heading', { level: 1 }).first()).toBeVisible();
  await expect(page.locator('.skeleton')).toHaveCount(0);
}

/** What axe finds, and whether the page is wider than the screen. */
async function faults(page: Page, path: string): Promise<string[]> {
  await open(page, path);
  const { violations } = await new AxeBuilder({ page }).analyze();
  const found = violations.flatMap(({ id, nodes }) => nodes.map((node) => `${path}: ${id} at ${node.target.join(' ')}`));
  const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  return wider > 0 ? [...found, `${path}: ${wider} px wider than the screen`] : found;
}

for (const look of LOOKS) {
  test.describe(look.name, () => {
    test.use({ viewport: { width: look.width, height: look.height }, colorScheme: look.scheme });
    test.beforeEach(async ({ context }) => {
      await context.addInitScript((locale) => localStorage.setItem('omniot.locale', locale), 'en');
    });
    const inLocale = (page: Page) => page.context().addInitScript((locale) => localStorage.setItem('omniot.locale', locale), look.locale);

    async function sweep(page: Page, paths: string[]) {
      await inLocale(page);
      const found: string[] = [];
      for (const path of paths) found.push(...(await faults(page, path)));
      expect(found).toEqual([]);
    }

    test('axe finds nothing before sign-in', async ({ page }) => {
      await sweep(page, OUTSIDE);
    });

    test('axe finds nothing on the pages of a tenant', async ({ page }) => {
      test.setTimeout(300_000);
      await signIn(page, 'owner');
      await sweep(page, INSIDE);
      expect(await page.evaluate(() => [document.documentElement.dir, document.documentElement.dataset.scheme])).toEqual([look.locale === 'en' ? 'ltr' : 'rtl', look.scheme]);
    });

    test('axe finds nothing on the pages of the operator', async ({ page }) => {
      await signInOperator(page);
      await sweep(page, OPERATOR);
    });
  });
}

/** The pages that the sources have, as the lists above name them. */
function routes(): string[] {
  const folder = join(import.meta.dirname, '../src/routes');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('+page.svelte'));
  return files.map((file) => {
    const path = file.split(sep).slice(0, -1).filter((part) => !part.startsWith('(')).map((part) => `/${part}`).join('');
    return path.endsWith('/[id]') ? `first ${path.replace('/[id]', '')}` : path;
  });
}

test('every page there is stands in a list above', () => {
  const listed = [...OUTSIDE, ...INSIDE, ...OPERATOR].map((path) => path.replace(/[?#].*/, ''));
  expect(routes().length).toBeGreaterThan(20);
  expect(routes().filter((path) => !listed.includes(path))).toEqual([]);
});

test('axe finds nothing on an invitation that holds, in any look', async ({ page, browser }) => {
  const email = `${fresh('axe').replace(' ', '-')}@northlift.example`;
  await signIn(page, 'owner');
  await page.goto('/people');
  await page.getByRole('button', { name: 'Invite' }).click();
  await page.getByRole('dialog').getByLabel('E-mail').fill(email);
  await page.getByRole('dialog').getByRole('button', { name: 'Send invitation' }).click();
  await expect(page.getByRole('region', { name: 'Open invitations' })).toContainText(email);
  const link = new URL(await invitationLink(browser, email));
  const guest = await somebody(browser);
  const found: string[] = [];
  for (const look of LOOKS) {
    await guest.setViewportSize({ width: look.width, height: look.height });
    await guest.emulateMedia({ colorScheme: look.scheme });
    await guest.goto('/forgot-password');
    await guest.evaluate((locale) => localStorage.setItem('omniot.locale', locale), look.locale);
    found.push(...(await faults(guest, link.pathname + link.hash)));
    await expect(guest.locator('input[name=password]'), 'it holds').toBeVisible();
  }
  expect(found).toEqual([]);
  await guest.context().close();
});

const DIALOGS: [string, (page: Page) => Promise<void>][] = [
  ['/people', (page) => page.getByRole('button', { name: 'Invite' }).click()],
  ...['Name and role…', 'Sessions…', 'Remove…'].map((name): [string, (page: Page) => Promise<void>] => [
    '/people',
    async (page) => {
      await page.getByRole('button', { name: /^Actions for/ }).last().click();
      await page.getByRole('menuitem', { name }).click();
    }
  ]),
  ['/sites', (page) => page.getByRole('button', { name: 'Add site' }).first().click()],
  ['first /sites', (page) => page.getByRole('button', { name: 'Edit' }).first().click()],
  ['/models', (page) => page.getByRole('button', { name: 'Add model' }).first().click()],
  ['first /devices', (page) => page.getByRole('button', { name: 'Edit' }).click()],
  ['first /devices', (page) => page.getByRole('button', { name: 'Retire' }).click()]
];

for (const look of LOOKS.filter(({ locale }) => locale === 'en')) {
  test(`axe finds nothing in dialogs: ${look.name}`, async ({ page }) => {
    await page.setViewportSize({ width: look.width, height: look.height });
    await page.emulateMedia({ colorScheme: look.scheme });
    await signIn(page, 'owner');
    const found: string[] = [];
    for (const [path, show] of DIALOGS) {
      await open(page, path);
      await show(page);
      await expect(page.getByRole('dialog')).toBeVisible();
      await expect(page.locator('.skeleton')).toHaveCount(0);
      const { violations } = await new AxeBuilder({ page }).analyze();
      found.push(...violations.map(({ id, nodes }) => `${path}: ${id} at ${nodes[0]?.target.join(' ')}`));
      await page.keyboard.press('Escape');
    }
    expect(found).toEqual([]);
  });
}

test('axe finds nothing in a menu, and focus returns to where it was', async ({ page }) => {
  await signIn(page, 'owner');
  await page.goto('/people');
  await page.getByRole('button', { name: 'Invite' }).click();
  await expect(page.getByRole('dialog')).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toHaveCount(0);
  await expect(page.getByRole('button', { name: 'Invite' })).toBeFocused();
  await page.getByRole('button', { name: /^You:/ }).click();
  await expect(page.getByRole('menu')).toBeVisible();
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map(({ id, nodes }) => `${id} at ${nodes[0]?.target.join(' ')}`)).toEqual([]);
});

/** Texts that never went through Fluent. What people or devices gave stands in `bdi`, `.mono`, … or is marked `data-plain`. */
async function plainTexts(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const words: string[] = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const text = walker.currentNode.textContent?.trim() ?? '';
      const own = walker.currentNode.parentElement?.closest('[data-plain], bdi, .mono, code, kbd, select, time, textarea, [dir=auto]:not(h1), details dd, script, style, [aria-hidden=true] svg');
      // An address of a person is theirs wherever it stands.
      if (/[a-z]{3}/i.test(text) && !/^\S+@\S+$/.test(text) && !text.includes('\u202e') && !own) words.push(text);
    }
    return words;
  });
}

test('every word of every page goes through Fluent', async ({ page, browser }) => {
  test.setTimeout(300_000);
  const found: string[] = [];
  const sweep = async (of: Page, paths: string[]) => {
    await of.context().addInitScript(() => localStorage.setItem('omniot.locale', 'ar-XB'));
    for (const path of paths) {
      await open(of, path);
      found.push(...(await plainTexts(of)).map((text) => `${path}: ${text}`));
    }
  };
  await sweep(await somebody(browser), OUTSIDE);
  await signIn(page, 'owner');
  await sweep(page, INSIDE);
  const operator = await somebody(browser);
  await signInOperator(operator);
  await sweep(operator, OPERATOR);
  expect(found).toEqual([]);
});
