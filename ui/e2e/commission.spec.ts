import AxeBuilder from '@axe-core/playwright';
import { expect, type Page, test } from '@playwright/test';
import { signIn } from './actors';
import { label, Phone, secret } from './phone';

test.describe.configure({ mode: 'serial' });
test.setTimeout(180_000);

let phone: Phone;
test.beforeAll(async ({ browser }) => {
  phone = await Phone.open(browser);
});
test.afterAll(async () => {
  await phone.close();
});

const card = (page: Page) => page.getByTestId('commission');
const reached = (page: Page, state: string) => expect(card(page)).toHaveAttribute('data-state', state, { timeout: 60_000 });

/** Axe finds nothing, and nothing is wider than a small phone. */
async function accessible(page: Page) {
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)).toBe(0);
  expect(violations.map(({ id, nodes }) => `${id} at ${nodes[0]?.target.join(' ')}`)).toEqual([]);
}

async function begin(page: Page, serial: string) {
  await page.getByLabel('QR text or claim code').fill(label(serial));
  await page.getByRole('button', { name: 'Read label' }).click();
  await expect(page.getByText('In range.')).toBeVisible({ timeout: 20_000 });
  await page.getByRole('button', { name: 'Commission', exact: true }).first().click();
}

test('a technician signs in once, and the network goes', async () => {
  const { page } = phone;
  await phone.signIn();
  await page.getByRole('link', { name: 'Commission' }).last().click();
  await expect(page.getByText('Nothing real is commissioned.')).toBeVisible();
  phone.way.cut();
  await expect(page.getByTestId('sync')).toHaveAttribute('data-state', 'offline', { timeout: 45_000 });
  await expect(page.getByTestId('sync')).toHaveAttribute('aria-label', /Offline/);
  await accessible(page);
});

test('without a network a device is commissioned, after a wrong password too', async () => {
  const { page } = phone;
  await page.getByLabel('Site').selectOption({ index: 1 });
  await expect(page.getByTestId('nearby-OM-N0002')).toBeVisible({ timeout: 20_000 });
  await begin(page, 'OM-N0002');
  await reached(page, 'needs_network');
  await accessible(page);
  await page.getByRole('radio', { name: /Plant-Floor/ }).check();
  await page.getByLabel('Network password').fill('short');
  await page.getByRole('button', { name: 'Join network' }).click();
  await expect(page.getByText('at least 8 characters')).toBeVisible();
  await page.getByLabel('Network password').fill('not the password');
  await page.getByRole('button', { name: 'Join network' }).click();
  await expect(page.getByTestId('failure')).toContainText('The network password is wrong', { timeout: 60_000 });
  await expect(page.getByTestId('failure')).toContainText('nothing has to be reset');
  await page.getByLabel('Network password').fill('press-on-2026');
  await page.getByRole('button', { name: 'Join network' }).click();
  await reached(page, 'succeeded');
  await expect(page.getByText('It belongs to your organization')).toBeVisible();
  await expect(page.getByTestId('sync')).not.toHaveAttribute('data-pending', '0');
  await accessible(page);
  await page.getByRole('button', { name: 'Next device' }).click();
  await expect(page.getByText('1 device done.')).toBeVisible();
});

test('a device of another organization is refused, and the page says whose it is not', async () => {
  const { page } = phone;
  await begin(page, 'OM-V0002');
  await reached(page, 'failed');
  await expect(page.getByTestId('failure')).toContainText('This device belongs to another organization');
  await expect(page.getByTestId('failure')).toContainText('Ask that organization to release it');
  await expect(page.getByRole('button', { name: 'Try again' })).toHaveCount(0);
  await page.getByRole('button', { name: 'Next device' }).click();
});

test('without its label a device asks for its secret and blinks; killed there, the app knows what it left', async () => {
  const { page } = phone;
  await page.getByTestId('nearby-OM-N0003').getByRole('button', { name: /^Commission/ }).click();
  await reached(page, 'needs_pop');
  await page.getByLabel('Proof of possession').fill('wrong');
  await page.getByRole('button', { name: 'Continue' }).click();
  await expect(page.getByRole('alert')).toContainText('The secret is not the one of this device', { timeout: 60_000 });
  await accessible(page);
  await page.getByLabel('Proof of possession').fill(secret('OM-N0003'));
  await page.getByRole('button', { name: 'Continue' }).click();
  await reached(page, 'needs_confirm');
  await accessible(page);
  await phone.kill();
  phone.start();
  await page.reload();
  await expect(page.getByText('One device was interrupted')).toBeVisible({ timeout: 20_000 });
  await expect(page.getByText(/stopped at “Blink”/)).toBeVisible();
  await accessible(page);
});

test('back online everything is sent, and staff see the attempts', async ({ browser }) => {
  const { page } = phone;
  phone.way.restore();
  await page.goto('/attention');
  await page.getByRole('button', { name: 'Sync now' }).click();
  await phone.synced();
  await accessible(page);
  const staff = await (await browser.newContext()).newPage();
  await signIn(staff, 'operator');
  await staff.getByRole('link', { name: 'Attempts' }).click();
  for (const outcome of ['Succeeded', 'Failed', 'Interrupted']) await expect(staff.getByRole('main').locator('summary', { hasText: outcome }).first()).toBeVisible();
  await staff.locator('summary', { hasText: 'Succeeded' }).first().click();
  await expect(staff.getByText('Claim for your organization').filter({ visible: true }).first()).toBeVisible();
  await staff.context().close();
});

test('a change that the server does not take waits for its author, who lets it go', async ({ browser }) => {
  const { page } = phone;
  await page.goto('/devices?q=OM-N0009');
  await page.locator('a[data-row]').first().click();
  await expect(page.getByRole('button', { name: 'Edit' })).toBeVisible();
  phone.way.cut();
  const staff = await (await browser.newContext()).newPage();
  await signIn(staff, 'operator');
  await staff.goto('/devices?q=OM-N0009');
  await staff.locator('a[data-row]').first().click();
  await staff.getByRole('button', { name: 'Retire' }).click();
  await staff.getByRole('dialog').getByRole('button', { name: 'Retire' }).click();
  await expect(staff.getByText('Retired', { exact: true })).toBeVisible();
  await page.getByRole('button', { name: 'Edit' }).click();
  await page.getByRole('dialog').getByLabel('Note').fill('Seen from below.');
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('Seen from below.').first()).toBeVisible();
  phone.way.restore();
  await page.goto('/attention');
  await page.getByRole('button', { name: 'Sync now' }).click();
  await expect(page.getByRole('button', { name: 'Discard my change' })).toBeVisible({ timeout: 45_000 });
  await expect(page.getByTestId('sync')).toHaveAttribute('data-attention', '1');
  await accessible(page);
  await page.getByRole('button', { name: 'Discard my change' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Discard my change' }).click();
  await expect(page.getByText('Nothing needs your attention')).toBeVisible();
  await staff.context().close();
});

test('two organizations stand side by side, and leaving one keeps the other', async () => {
  const { page } = phone;
  await phone.signIn('verdant', '/sign-in?add=1');
  await expect(page.getByRole('link', { name: 'Verdant Cold Chain' }).last()).toBeVisible();
  await page.goto('/accounts');
  const accounts = page.getByRole('main').getByRole('listitem');
  await expect(accounts).toHaveCount(2);
  await accessible(page);
  await page.getByRole('button', { name: 'Switch to Northlift Elevators' }).click();
  await expect(page.getByRole('link', { name: 'Northlift Elevators' }).last()).toBeVisible();
  await page.goto('/accounts');
  await page.getByRole('button', { name: 'Sign out of Verdant Cold Chain' }).click();
  await accessible(page);
  await page.getByRole('dialog').getByRole('button', { name: 'Sign out' }).click();
  await expect(accounts).toHaveCount(1);
});
