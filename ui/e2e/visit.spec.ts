import { expect, type Page, test } from '@playwright/test';
import { faults } from './looks';
import { label, Phone, toDevices } from './phone';

test.describe.configure({ mode: 'serial' });
test.setTimeout(240_000);

const SERIALS = ['OM-N0003', 'OM-N0004'];
let phone: Phone;
test.beforeAll(async ({ browser }) => {
  // Whoever had them before: they are new again, and in order.
  for (const serial of SERIALS) {
    await toDevices(serial, 'faults', { faults: {} });
    await toDevices(serial, 'factory_reset');
  }
  phone = await Phone.open(browser);
});
test.afterAll(async () => {
  await phone.close();
});

const accessible = async (page: Page) => expect(await faults(page)).toEqual([]);
const item = (page: Page, serial: string) => page.getByTestId(`visit-${serial}`);

test('a visit begins at a site, without a network', async () => {
  const { page } = phone;
  await phone.signIn();
  phone.way.cut();
  await page.getByRole('link', { name: 'Commission' }).last().click();
  await page.getByRole('link', { name: 'Many devices in a row' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Many devices in a row' })).toBeVisible();
  await page.getByRole('combobox', { name: 'Site' }).fill('tower');
  await expect(page.getByRole('option')).toHaveCount(1);
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Begin here' }).click();
  await expect(page.getByText('No label yet. Scan the first one.')).toBeVisible();
  await accessible(page);
});

test('its network is given once and its password is not shown again', async () => {
  const { page } = phone;
  await page.getByLabel('Network name').fill('Plant-Floor');
  await page.getByLabel('Network password').fill('shorts');
  await page.getByRole('button', { name: 'Use for all' }).click();
  await expect(page.getByText('has 8 to 63 characters')).toBeVisible();
  await page.getByLabel('Network password').fill('press-on-2026');
  await page.getByRole('button', { name: 'Use for all' }).click();
  await expect(page.getByText('forgotten at the end')).toBeVisible();
  expect(await page.content()).not.toContain('press-on-2026');
});

test('labels are scanned ahead, and the devices follow each other', async () => {
  const { page } = phone;
  const field = page.getByLabel('QR text');
  await field.fill('no label');
  await field.press('Enter');
  await expect(field).toHaveAttribute('aria-invalid', 'true');
  await expect(field, 'what is refused can be mended').toHaveValue('no label');
  await page.keyboard.type('nor is this');
  await expect(field, 'and does not stand in the way of the next scan').toHaveValue('nor is this');
  await page.getByRole('link', { name: 'Devices' }).last().click();
  await page.getByRole('dialog', { name: 'Leave without saving?' }).getByRole('button', { name: 'Cancel' }).click();
  for (const serial of SERIALS) {
    await field.fill(label(serial));
    await field.press('Enter');
    await expect(item(page, serial)).toHaveAttribute('data-state', 'waiting');
    await expect(field, 'ready for the next one').toHaveValue('');
  }
  await field.fill(label('OM-N0003'));
  await field.press('Enter');
  await expect(page.getByText('already').first()).toBeVisible();
  await accessible(page);
  await page.getByRole('button', { name: 'Start' }).click();
  for (const serial of SERIALS) await expect(item(page, serial)).toHaveAttribute('data-state', 'done', { timeout: 60_000 });
  await expect(page.getByTestId('visit-counts')).toHaveText('2 of 2 done');
  await accessible(page);
});

test('what was done is handed over as a sheet', async () => {
  const { page } = phone;
  await page.getByRole('link', { name: 'Summary of the visit' }).click();
  const sheet = page.getByTestId('summary');
  await expect(sheet.getByRole('row')).toHaveCount(3);
  await expect(sheet.getByText('North tower')).toBeVisible();
  await accessible(page);
  await page.getByRole('button', { name: 'Save as file' }).click();
  await expect(page.getByText('Saved as')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Share' }), 'this browser shares nothing').toHaveCount(0);
  await page.evaluate(() => {
    const shared: string[] = [];
    Object.assign(navigator, { canShare: () => true, share: async ({ files }: ShareData) => void shared.push(files?.[0]?.name ?? '', (await files?.[0]?.text()) ?? '') });
    Object.assign(window, { shared });
  });
  await page.getByRole('button', { name: 'Save as file' }).click();
  await page.getByRole('button', { name: 'Share' }).click();
  const shared = () => page.evaluate(() => (window as unknown as { shared: string[] }).shared);
  await expect.poll(shared, 'the sheet itself').toEqual([expect.stringMatching(/\.html$/), expect.stringContaining('North tower')]);
  await page.goBack();
});

test('a device that waits for somebody is said while labels are scanned, and leads there', async () => {
  const { page } = phone;
  await toDevices('OM-N0003', 'factory_reset');
  await toDevices('OM-N0003', 'faults', { faults: { wrong_password: true } });
  await page.getByLabel('QR text').fill(label('OM-N0003'));
  await page.getByLabel('QR text').press('Enter');
  await expect(item(page, 'OM-N0003')).not.toHaveAttribute('data-state', 'done');
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByRole('button', { name: 'Scan with the camera' }).first().click();
  const waits = page.getByRole('dialog').getByRole('alert').filter({ hasText: 'waits for you: Needs a network' });
  await expect(waits).toBeVisible({ timeout: 60_000 });
  await accessible(page);
  await waits.getByRole('button', { name: 'See what it needs' }).click();
  await expect(page.getByRole('dialog')).toHaveCount(0);
  await toDevices('OM-N0003', 'faults', { faults: {} });
  const asked = page.getByTestId('commission');
  await asked.getByLabel('Network password').fill('press-on-2026');
  await asked.getByRole('button', { name: 'Join network' }).click();
  await expect(item(page, 'OM-N0003')).toHaveAttribute('data-state', 'done', { timeout: 60_000 });
  await expect(page.getByTestId('ended'), 'this page has heard of it, too').toBeVisible();
});

test('the visit ends after a question, and leaves nothing of a device that was done in that moment', async () => {
  const { page } = phone;
  // What the page has heard last: the device is at work. In truth it is done.
  let ended = false;
  phone.twist = ({ body }, method, path) => {
    if (method === 'DELETE' && path === '/app/visit') ended = true;
    if (method === 'GET' && path === '/app/commissions/current' && !ended) Object.assign(body as object, { state: 'running', step: 'join' });
  };
  await expect(page.getByTestId('commission')).toHaveAttribute('data-state', 'running');
  await page.getByRole('button', { name: 'End visit' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'End visit' }).click();
  await expect(page.getByRole('link', { name: 'Many devices in a row' })).toBeVisible({ timeout: 20_000 });
  await expect(page.getByTestId('commission')).toHaveCount(0);
  phone.twist = undefined;
});
