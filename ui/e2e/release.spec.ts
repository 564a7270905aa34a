import { expect, type Page, test } from '@playwright/test';
import { signIn, somebody } from './actors';
import { faultsIn, type Look, LOOKS } from './looks';
import { label, Phone, toDevices } from './phone';

test.describe.configure({ mode: 'serial' });
test.setTimeout(240_000);

const SERIAL = 'OM-V0001';
const looks: [Look, Look] = LOOKS[0].looks;
let text = '';

// As the other tests find it.
test.afterAll(() => toDevices(SERIAL, 'factory_reset'));

/** Axe finds nothing and nothing is wider than the screen; the picture lies in the test's output. */
async function lookAt(page: Page, screen: string): Promise<void> {
  const keep = ({ width }: Look) => page.screenshot({ path: test.info().outputPath(`${screen}-${width}.png`), fullPage: true });
  expect(await faultsIn(page, looks, screen, keep)).toEqual([]);
}

/** Goes to the device by the list. */
async function open(page: Page): Promise<void> {
  await page.goto(`/devices?q=${SERIAL}`);
  await page.locator('main a[href^="/devices/"][data-row]').first().click();
  await expect(page.getByRole('region', { name: 'At a glance' })).toBeVisible();
}

test('a device that is claimed waits for its first contact, and no longer than that', async ({ browser }) => {
  const phone = await Phone.open(browser);
  await phone.signIn('verdant');
  await phone.page.goto('/commission');
  await phone.page.getByRole('combobox', { name: 'Site' }).click();
  await phone.page.getByRole('option').first().click();
  await phone.page.getByLabel('QR text or claim code').fill(label(SERIAL));
  await phone.page.getByRole('button', { name: 'Read label' }).click();
  await expect(phone.page.getByText('In range.')).toBeVisible({ timeout: 20_000 });
  await phone.page.getByRole('button', { name: 'Commission', exact: true }).first().click();
  const reached = (state: string) => expect(phone.page.getByTestId('commission')).toHaveAttribute('data-state', state, { timeout: 60_000 });
  await reached('needs_network');
  await phone.page.getByRole('radio', { name: /Plant-Floor/ }).check();
  await phone.page.getByLabel('Network password').fill('press-on-2026');
  await phone.page.getByRole('button', { name: 'Join network' }).click();
  await reached('succeeded');
  await phone.synced();
  await phone.close();
  const page = await somebody(browser);
  await signIn(page, 'operator', 'verdant');
  await page.getByRole('link', { name: 'Not yet seen' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Not yet seen' })).toBeVisible();
  await expect(page.getByText('Nothing waits')).toBeVisible({ timeout: 30_000 });
  await lookAt(page, 'nothing-waits');
  await page.getByLabel('Waits for').selectOption('contact');
  await expect(page).toHaveURL(/for=contact/);
  await expect(page.getByText('Nothing waits')).toBeVisible();
});

test('an operator sees how a release stands and may not make one', async ({ page }) => {
  await signIn(page, 'operator', 'verdant');
  await open(page);
  await expect(page.getByRole('region', { name: 'Hand over' })).toHaveCount(0);
});

test('an owner releases a device, takes that back, and releases it again', async ({ page }) => {
  await signIn(page, 'owner', 'verdant');
  await open(page);
  const part = page.getByRole('region', { name: 'Hand over' });
  await part.getByRole('button', { name: 'Release' }).click();
  await expect(page.getByRole('dialog')).toContainText('can claim this device for their organization');
  await lookAt(page, 'release-asked');
  await page.getByRole('dialog').getByRole('button', { name: 'Release' }).click();
  await expect(page.getByTestId('release-text')).toHaveText(/^OMR1\./);
  await lookAt(page, 'release-text');
  const first = await page.getByTestId('release-text').innerText();
  await page.getByRole('dialog').getByRole('button', { name: 'Close' }).last().click();
  await expect(part).toContainText('Released');
  await lookAt(page, 'released');
  await part.getByRole('button', { name: 'Show release' }).click();
  await expect(page.getByTestId('release-text'), 'the same one').toHaveText(first);
  await page.keyboard.press('Escape');
  await part.getByRole('button', { name: 'Take back' }).click();
  await expect(page.getByRole('dialog')).toContainText('The device hears of it the next time it reports');
  await page.getByRole('dialog').getByRole('button', { name: 'Take back' }).click();
  await expect(part).toContainText('Release taken back');
  await part.getByRole('button', { name: 'Release' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Release' }).click();
  await expect(page.getByTestId('release-text')).not.toHaveText(first);
  text = await page.getByTestId('release-text').innerText();
});

test('another organization enters it, and hears what is wrong with half of one', async ({ page }) => {
  await signIn(page, 'operator');
  await page.getByRole('button', { name: 'Take over a device' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Release').fill(text.slice(0, 60));
  await dialog.getByRole('button', { name: 'Keep release' }).click();
  await expect(dialog).toContainText('This is not a whole release');
  await expect(dialog.getByLabel('Release'), 'the field that is wrong').toBeFocused();
  await lookAt(page, 'take-over');
  await dialog.getByLabel('Release').fill(text);
  await dialog.getByRole('button', { name: 'Keep release' }).click();
  await expect(page.getByRole('status').getByText(`${SERIAL} can be claimed until`)).toBeVisible();
});
