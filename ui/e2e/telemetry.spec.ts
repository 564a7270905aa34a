import { type Browser, expect, type Page, test } from '@playwright/test';
import { signIn } from './actors';
import { faultsIn, type Locale, LOOKS } from './looks';
import { Phone } from './phone';

/** Reports since yesterday, in the demo. */
const REPORTING = 'OM-N0005';

async function openDevice(page: Page, serial: string): Promise<void> {
  await page.goto(`/devices?q=${serial}`);
  await page.locator('main table a[href^="/devices/dev_"]').first().click();
  await expect(page.locator('h1')).toBeVisible();
}

const curves = (page: Page) => page.getByRole('region', { name: 'Last 24 hours', exact: true });
const curve = (page: Page, metric: string) => page.locator(`section[data-metric="${metric}"]`);

test('the last day of a device stands as curves, and the same in words', async ({ page }) => {
  await signIn(page, 'viewer');
  await openDevice(page, REPORTING);
  const temperature = curve(page, 'temperature_c');
  await expect(temperature.getByRole('heading', { name: 'Temperature in °C' })).toBeVisible();
  // It goes up and down with the hour of the day: where it stands now is no part of this.
  const words = /^Temperature in °C, the last 24 hours: last (\d\d(?:\.\d)?), lowest (1\d(?:\.\d)?), highest (2\d(?:\.\d)?)$/;
  const image = temperature.getByRole('img', { name: words });
  await expect(image).toBeVisible();
  const [last = NaN, lowest = NaN, highest = NaN] = (words.exec((await image.getAttribute('aria-label')) ?? '') ?? []).slice(1).map(Number);
  expect(last >= lowest && last <= highest, `${lowest} ≤ ${last} ≤ ${highest}`).toBe(true);
  for (const name of ['Last', 'Lowest', 'Highest']) await expect(temperature.locator('dl')).toContainText(name);
  await expect(curve(page, 'mains').getByRole('img', { name: /^Mains power, the last 24 hours: last (Yes|No), \d changes?$/ })).toBeVisible();
  await expect(curve(page, 'door'), 'a text has no curve').toHaveCount(0);
  await expect(curves(page).getByText('All times are those of your time zone, Europe/Vienna.')).toBeVisible();
  await expect(curves(page).getByText('As of'), 'the server was asked').toHaveCount(0);

  await temperature.getByText('Hour by hour').focus();
  await page.keyboard.press('Enter');
  const rows = temperature.getByRole('table').getByRole('row');
  await expect.poll(() => rows.count()).toBeGreaterThanOrEqual(24);
  await page.keyboard.press('Tab');
  await expect(temperature.locator('.hours'), 'what scrolls can be reached').toBeFocused();
});

test('the pointer says what was measured when', async ({ page }) => {
  await signIn(page, 'viewer');
  await openDevice(page, REPORTING);
  const temperature = curve(page, 'temperature_c');
  await temperature.locator('.u-over').hover();
  await expect(temperature.locator('figcaption')).toHaveText(/^\d\d:\d\d · \d+(\.\d)?$/);
});

test('a device that has reported nothing says so', async ({ page }) => {
  await signIn(page, 'viewer');
  await openDevice(page, 'OM-N0012');
  await expect(curves(page).getByText('No readings yet')).toBeVisible();
});

test('without a network the app shows the day it fetched, and how old that is', async ({ browser }) => {
  const phone = await Phone.open(browser);
  const { page } = phone;
  await phone.signIn();
  await openDevice(page, REPORTING);
  await expect(curve(page, 'temperature_c').getByRole('img')).toBeVisible();
  const path = `/v1${new URL(page.url()).pathname}/telemetry`;
  await expect(async () => {
    phone.way.cut();
    const answer = await phone.request('GET', path, null);
    if (answer.status !== 200) {
      phone.way.restore();
      await phone.request('POST', '/app/sync/now', null);
    }
    expect(answer.status, 'the app has fetched it by itself').toBe(200);
  }).toPass();
  await page.reload();
  await expect(curves(page).getByText(/^As of \d\d:\d\d\. The server cannot be asked now/)).toBeVisible();
  await expect(curve(page, 'temperature_c').getByRole('img', { name: /lowest/ })).toBeVisible();
  await phone.close();
});

async function looks(browser: Browser, locale: Locale, keep: (name: string) => string): Promise<string[]> {
  const found: string[] = [];
  const { looks } = LOOKS.find((one) => one.locale === locale) ?? LOOKS[0];
  const page = await (await browser.newContext()).newPage();
  await signIn(page, 'viewer');
  await page.evaluate((chosen) => localStorage.setItem('omniot.locale', chosen), locale);
  await openDevice(page, REPORTING);
  await expect(curve(page, 'temperature_c').getByRole('img')).toBeVisible();
  await curve(page, 'temperature_c').locator('summary').click();
  found.push(...(await faultsIn(page, looks, 'curves', ({ width, scheme }) => page.screenshot({ path: keep(`curves-${locale}-${width}-${scheme}.png`), fullPage: true }))));
  await openDevice(page, 'OM-N0012');
  await expect(page.locator('.skeleton')).toHaveCount(0);
  found.push(...(await faultsIn(page, looks, 'no curves')));
  await page.context().close();
  return found;
}

for (const { locale } of LOOKS) {
  test(`curves can be read, light and dark, on a phone and a desktop: ${locale}`, async ({ browser }, info) => {
    expect(await looks(browser, locale, (name) => info.outputPath(name))).toEqual([]);
  });
}
