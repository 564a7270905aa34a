import { expect, type Page, test } from '@playwright/test';
import { signIn, somebody } from './actors';
import { faults } from './looks';
import { label, Phone, toDevices } from './phone';

test.describe.configure({ mode: 'serial' });
test.setTimeout(240_000);

const SERIAL = 'OM-N0004';
let phone: Phone;
test.beforeAll(async ({ browser }) => {
  phone = await Phone.open(browser);
});
test.afterAll(async () => {
  await phone.close();
});

const accessible = async (page: Page) => expect(await faults(page)).toEqual([]);
const operations = (page: Page) => page.getByRole('region', { name: 'Bluetooth operations' });
const reached = (page: Page, state: string) => expect(page.getByTestId('commission')).toHaveAttribute('data-state', state, { timeout: 60_000 });

test('a technician without a network sees what happens on the radio, failures marked', async () => {
  const { page } = phone;
  await phone.signIn();
  await toDevices(SERIAL, 'faults', { faults: { gatt_133: 1 } });
  await page.getByRole('link', { name: 'Commission' }).last().click();
  await expect(page.getByRole('heading', { level: 1, name: 'Commission' })).toBeVisible();
  await page.getByRole('combobox', { name: 'Site' }).fill('tower');
  await page.keyboard.press('Enter');
  phone.way.cut();
  await expect(page.getByTestId('sync')).toHaveAttribute('data-state', 'offline', { timeout: 45_000 });
  await page.getByLabel('QR text or claim code').fill(label(SERIAL));
  await page.getByRole('button', { name: 'Read label' }).click();
  await expect(page.getByText('In range.')).toBeVisible({ timeout: 20_000 });
  await page.getByRole('button', { name: 'Commission', exact: true }).first().click();
  await reached(page, 'needs_network');
  await page.getByText('Details', { exact: true }).click();
  await expect(operations(page).getByRole('row').filter({ hasText: 'System failed: GATT 133' })).toHaveCount(1);
  await expect(operations(page).getByRole('row').filter({ hasText: 'prov-session' }).first()).toBeVisible();
  await accessible(page);
  await page.getByRole('radio', { name: /Plant-Floor/ }).check();
  await page.getByLabel('Network password').fill('wrong password');
  await page.getByRole('button', { name: 'Join network' }).click();
  await expect(page.getByTestId('failure')).toContainText('The network password is wrong', { timeout: 60_000 });
  await page.getByRole('button', { name: 'Stop', exact: true }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Stop' }).click();
  await reached(page, 'cancelled');
});

test('without a network the record shows its operations, and saves them as a file', async () => {
  const { page } = phone;
  await page.getByRole('link', { name: 'Attempts' }).last().click();
  // The page before it has one, too.
  await expect(page.getByRole('heading', { level: 1, name: 'Attempts' })).toBeVisible();
  await page.locator('summary').first().click();
  await page.getByText('Bluetooth operations', { exact: true }).first().click();
  await expect(operations(page)).toContainText('Connect');
  await page.getByLabel('Step', { exact: true }).selectOption({ label: 'Connect' });
  await expect(operations(page)).not.toContainText('prov-session');
  await page.getByLabel(/Failures only/).check();
  await expect(operations(page).locator('tbody tr')).toHaveCount(1);
  await accessible(page);
  await page.getByRole('button', { name: 'Save as file' }).click();
  await expect(page.getByText('Saved as')).toContainText('.json');
});

test('staff see the operations once they have come, and how well commissioning goes', async ({ browser }) => {
  phone.way.restore();
  await expect(phone.page.getByTestId('sync')).toHaveAttribute('data-state', 'synced', { timeout: 60_000 });
  const staff = await somebody(browser);
  await signIn(staff, 'viewer');
  await staff.goto('/attempts');
  await staff.locator('summary').first().click();
  await expect(async () => {
    await staff.reload();
    await staff.locator('summary').first().click();
    await staff.getByText('Bluetooth operations', { exact: true }).first().click();
    await expect(operations(staff)).toContainText('GATT 133', { timeout: 3_000 });
  }).toPass({ timeout: 60_000 });
  const saved = staff.waitForEvent('download');
  await staff.getByRole('button', { name: 'Save as file' }).click();
  expect((await saved).suggestedFilename()).toMatch(/^omniot-att_.*\.json$/);

  await staff.getByRole('link', { name: 'Commissioning quality' }).click();
  await expect(staff.getByRole('heading', { level: 1, name: 'Commissioning quality' })).toBeVisible();
  const all = staff.getByRole('region', { name: 'All attempts' });
  await expect(all).toContainText('Success rate');
  await expect(all).toContainText('stopped');
  await accessible(staff);
  await staff.getByLabel('Grouped by').selectOption({ label: 'Firmware' });
  await expect(staff.getByRole('heading', { level: 2, name: '1.4.2' })).toBeVisible();
  await all.getByRole('link').first().click();
  await expect(staff.getByText('Only those of:')).toBeVisible();
  await staff.getByRole('button', { name: 'Show all' }).click();
  await expect(staff.getByText('Only those of:')).toHaveCount(0);
  await staff.context().close();
});
