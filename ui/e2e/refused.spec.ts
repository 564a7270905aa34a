import { expect, type Page, test } from '@playwright/test';
import { signIn, somebody } from './actors';
import { faultsIn, type Look } from './looks';
import { Board, Phone, toDevices } from './phone';

test.describe.configure({ mode: 'serial' });
test.setTimeout(240_000);

const SERIAL = 'OM-K0001';
const looks: [Look, Look] = [{ width: 360, height: 740, scheme: 'light' }, { width: 360, height: 740, scheme: 'dark' }];
/** The electronics that the device has now. */
let board: Board;
test.afterAll(() => board.takeOut());

/** Axe finds nothing and nothing is wider than the screen; the picture lies in the test's output. */
async function lookAt(page: Page, screen: string): Promise<void> {
  const keep = async ({ scheme }: Look) => {
    await page.evaluate(() => window.scrollTo(0, 0));
    await page.screenshot({ path: test.info().outputPath(`${screen}-${scheme}.png`), fullPage: true });
  };
  expect(await faultsIn(page, looks, screen, keep)).toEqual([]);
}

async function commission(page: Page, label: string): Promise<void> {
  await page.getByLabel('QR text or claim code').fill(label);
  await page.getByRole('button', { name: 'Read label' }).click();
  await expect(page.getByText('In range.')).toBeVisible({ timeout: 20_000 });
  await page.getByRole('button', { name: 'Commission', exact: true }).first().click();
  const card = page.getByTestId('commission');
  await expect(card).toHaveAttribute('data-state', 'needs_network', { timeout: 60_000 });
  await page.getByRole('radio', { name: /Plant-Floor/ }).check();
  await page.getByLabel('Network password').fill('press-on-2026');
  await page.getByLabel('Use for the next devices too').uncheck();
  await page.getByRole('button', { name: 'Join network' }).click();
  await expect(card).toHaveAttribute('data-state', 'succeeded', { timeout: 90_000 });
}

async function phoneBeside(browser: Parameters<typeof Phone.open>[0]): Promise<Phone> {
  const phone = await Phone.open(browser, looks[0], board.radio);
  await phone.signIn();
  await phone.page.goto('/commission');
  await phone.page.getByRole('combobox', { name: 'Site' }).fill('tower');
  await expect(phone.page.getByRole('option')).toHaveCount(1);
  await phone.page.keyboard.press('Enter');
  return phone;
}

/** Goes to the device by the list of those that wait. */
async function open(page: Page): Promise<void> {
  await page.goto('/devices/waiting?for=contact');
  await page.getByRole('main').getByRole('link', { name: SERIAL }).click();
  await expect(page.getByRole('heading', { level: 1, name: SERIAL })).toBeVisible();
}

test('a device is commissioned twice, and seen', async ({ browser }) => {
  board = await Board.start(SERIAL, 1);
  const phone = await phoneBeside(browser);
  await commission(phone.page, board.label);
  await phone.page.getByRole('button', { name: 'Next device' }).click();
  await toDevices(SERIAL, 'factory_reset', {}, board.radio);
  await commission(phone.page, board.label);
  await expect(phone.page.getByTestId('ended')).toContainText('It has joined its network');
  await lookAt(phone.page, 'seen');
  await phone.synced();
  await phone.close();
});

test('other electronics in its housing is refused by the server, and whoever commissions it hears why and what to do', async ({ browser }) => {
  board.takeOut();
  board = await Board.start(SERIAL, 2);
  const phone = await phoneBeside(browser);
  await commission(phone.page, board.label);
  const ended = phone.page.getByTestId('ended');
  await expect(ended).toContainText('The platform knows another key for this serial number');
  await expect(ended).toContainText('can have the former key forgotten');
  await lookAt(phone.page, 'commission-refused');
  await phone.synced();
  await phone.close();
});

test('it stands among those that wait, with its reason, and who may not release it forgets no key', async ({ browser }) => {
  const page = await somebody(browser);
  await signIn(page, 'operator');
  await page.goto('/devices/waiting?for=contact');
  await expect(page.getByRole('main').getByRole('row').filter({ hasText: SERIAL })).toContainText('The platform knows another key');
  await lookAt(page, 'waiting');
  await open(page);
  await expect(page.getByText('Was its electronics replaced?')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Forget the former key' })).toHaveCount(0);
  await page.context().close();
});

test('an owner has the former key forgotten after a question, and the device is let in', async ({ browser }) => {
  const page = await somebody(browser);
  await signIn(page, 'owner');
  await open(page);
  await expect(page.getByTestId('refused')).toContainText('Last refused');
  await lookAt(page, 'device-refused');
  const [forget, dialog] = [page.getByTestId('refused').getByRole('button', { name: 'Forget the former key' }), page.getByRole('dialog')];
  await forget.click();
  await expect(dialog).toContainText(`Forget the key of ${SERIAL}?`);
  await expect(dialog).toContainText('Do this only when its electronics were replaced');
  await lookAt(page, 'forget-asked');
  await page.keyboard.press('Escape');
  await expect(dialog).toHaveCount(0);
  await expect(forget, 'nothing happened, and the focus is back').toBeFocused();
  await forget.click();
  await dialog.getByRole('button', { name: 'Forget the former key' }).click();
  await expect(page.getByText('The key is forgotten.')).toBeVisible();
  // What was refused tries again by itself.
  await expect(page.getByTestId('refused')).toHaveCount(0, { timeout: 60_000 });
  await page.goto('/devices/waiting?for=contact');
  // Devices of other tests may wait there.
  await expect(page.getByText(/Nothing waits|shown/)).toBeVisible();
  await expect(page.getByRole('main').getByRole('row').filter({ hasText: SERIAL })).toHaveCount(0);
  await page.context().close();
});
