import AxeBuilder from '@axe-core/playwright';
import { expect, type Page, test } from '@playwright/test';
import { signIn, signInOperator } from './actors';

const OUTSIDE = ['/sign-in?tenant=northlift', '/forgot-password', '/reset-password#token=omr_x', '/invitation#token=omi_x', '/operator/sign-in'];
const INSIDE = ['/devices', '/devices/new', 'first /devices', '/sites', 'first /sites', '/models', '/people', '/roles', '/audit', '/attempts', '/sessions', '/preferences', '/more', '/commission', '/attention', '/nowhere'];
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

test('axe finds nothing in dialogs and menus', async ({ page }) => {
  await signIn(page, 'owner');
  const check = async (what: string) => {
    const { violations } = await new AxeBuilder({ page }).analyze();
    expect(violations.map(({ id, nodes }) => `${what}: ${id} at ${nodes[0]?.target.join(' ')}`)).toEqual([]);
  };
  await page.goto('/people');
  await page.getByRole('button', { name: 'Invite' }).click();
  await expect(page.getByRole('dialog')).toBeVisible();
  await check('invite');
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toHaveCount(0);
  await expect(page.getByRole('button', { name: 'Invite' }), 'focus returns to where it was').toBeFocused();
  await page.getByRole('button', { name: /^You:/ }).click();
  await expect(page.getByRole('menu')).toBeVisible();
  await check('menu');
});

test('every word of a page goes through Fluent', async ({ page }) => {
  await signIn(page, 'owner');
  await page.context().addInitScript(() => localStorage.setItem('omniot.locale', 'ar-XB'));
  for (const path of ['/preferences', '/roles', '/commission']) {
    await open(page, path);
    const plain = await page.evaluate(() => {
      const words: string[] = [];
      const walker = document.createTreeWalker(document.querySelector('main') ?? document.body, NodeFilter.SHOW_TEXT);
      while (walker.nextNode()) {
        const text = walker.currentNode.textContent?.trim() ?? '';
        const own = walker.currentNode.parentElement?.closest('bdi, .mono, code, kbd, select, time, [dir=auto], dd');
        if (/[a-z]{3}/i.test(text) && !text.includes('\u202e') && !own) words.push(text);
      }
      return words;
    });
    expect(plain, path).toEqual([]);
  }
});
