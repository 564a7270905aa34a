import { readdirSync } from 'node:fs';
import { join, sep } from 'node:path';
import { expect, type Page, test } from '@playwright/test';
import { fresh, invitationLink, signIn, signInOperator, somebody } from './actors';
import { faults, faultsIn, type Locale, LOOKS, put } from './looks';

const OUTSIDE = ['/sign-in?tenant=northlift', '/forgot-password', '/reset-password#token=omr_x', '/invitation#token=omi_x', '/operator/sign-in'];
const INSIDE = ['/devices', '/devices/new', '/devices/waiting', 'first /devices', '/sites', 'first /sites', '/models', '/checklist', '/people', '/people/left', '/people/groups', '/roles', '/audit', '/organization', '/attempts', '/attempts/quality', '/sessions', '/preferences', '/more', '/commission', '/commission/visit', '/commission/visit/summary', '/attention', '/accounts', '/nowhere'];
const OPERATOR = ['/operator/tenants', 'first /operator/tenants', '/operator/tenants/new', '/operator/mail'];

/** Goes to the page, or to the first thing of a list, and waits until nothing is loading. */
async function open(page: Page, path: string): Promise<void> {
  const [list] = path.startsWith('first ') ? [path.slice(6)] : [];
  await page.goto(list ?? path);
  if (list) await page.locator(`main a[href^="${list}/"][data-row]`).first().click();
  await expect(page.getByRole('heading', { level: 1 }).first()).toBeVisible();
  await expect(page.locator('.skeleton')).toHaveCount(0);
}

/** Every page from now on speaks this language. */
function speak(page: Page, locale: Locale): Promise<unknown> {
  return page.context().addInitScript((name) => localStorage.setItem('omniot.locale', name), locale);
}

/** Texts that never went through Fluent. What people or devices gave stands in `bdi`, `.mono`, … or is marked `data-plain`. */
function plainTexts(page: Page): Promise<string[]> {
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

for (const { locale, looks } of LOOKS) {
  const is = locale === 'en' ? 'from left to right' : 'from right to left, and every word went through Fluent';

  /** Every page in both looks; in the pseudo-locale also its words. */
  async function sweep(page: Page, paths: string[]) {
    await speak(page, locale);
    const found: string[] = [];
    for (const path of paths) {
      await open(page, path);
      found.push(...(await faultsIn(page, looks, path)));
      if (locale !== 'en') found.push(...(await plainTexts(page)).map((text) => `${path} does not translate ${text}`));
    }
    expect(found).toEqual([]);
  }

  test(`axe finds nothing before sign-in, ${is}`, async ({ page }) => {
    await sweep(page, OUTSIDE);
  });

  test(`axe finds nothing on the pages of a tenant, ${is}`, async ({ page }) => {
    test.setTimeout(300_000);
    await signIn(page, 'owner');
    await sweep(page, INSIDE);
    expect(await page.evaluate(() => [document.documentElement.dir, document.documentElement.dataset.scheme]), 'both were there').toEqual([locale === 'en' ? 'ltr' : 'rtl', looks[0].scheme]);
  });

  test(`axe finds nothing on the pages of the operator, ${is}`, async ({ page }) => {
    await signInOperator(page);
    await sweep(page, OPERATOR);
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
  for (const { locale, looks } of LOOKS) {
    await speak(guest, locale);
    await open(guest, link.pathname + link.hash);
    await expect(guest.locator('input[name=password]'), 'it holds').toBeVisible();
    found.push(...(await faultsIn(guest, looks, 'invitation')));
    await guest.goto('/forgot-password');
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
  ['/people/groups', (page) => page.getByRole('button', { name: 'Add site group' }).first().click()],
  ['/sites', (page) => page.getByRole('button', { name: 'Add site' }).first().click()],
  ['first /sites', (page) => page.getByRole('button', { name: 'Edit' }).first().click()],
  ['/models', (page) => page.getByRole('button', { name: 'Add model' }).first().click()],
  ['first /devices', (page) => page.getByRole('button', { name: 'Edit' }).click()],
  ['first /devices', (page) => page.getByRole('button', { name: 'Retire' }).click()]
];

test('axe finds nothing in dialogs', async ({ page }) => {
  const { looks } = LOOKS[0];
  await put(page, looks[0]);
  await signIn(page, 'owner');
  const found: string[] = [];
  for (const [path, show] of DIALOGS) {
    await open(page, path);
    await show(page);
    await expect(page.getByRole('dialog')).toBeVisible();
    await expect(page.locator('.skeleton')).toHaveCount(0);
    found.push(...(await faultsIn(page, looks, path)));
    await page.keyboard.press('Escape');
  }
  expect(found).toEqual([]);
});

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
  expect(await faults(page)).toEqual([]);
});
