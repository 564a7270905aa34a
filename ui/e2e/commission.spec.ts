import { expect, type Page, test } from '@playwright/test';
import { person, signIn } from './actors';
import { browserThatSees, camerasOf, failCameras, watchCameras } from './camera';
import { faults } from './looks';
import { claimCode, label, Phone, secret, toDevices } from './phone';

test.describe.configure({ mode: 'serial' });
test.setTimeout(240_000);

let phone: Phone;
test.beforeAll(async ({ browser }) => {
  phone = await Phone.open(browser);
});
test.afterAll(async () => {
  await phone.close();
});

const card = (page: Page) => page.getByTestId('commission');
const reached = (page: Page, state: string) => expect(card(page)).toHaveAttribute('data-state', state, { timeout: 60_000 });

const accessible = async (page: Page) => expect(await faults(page)).toEqual([]);

/** Chooses a site by typing a part of its name. */
async function chooseSite(page: Page) {
  await page.getByRole('combobox', { name: 'Site' }).fill('tower');
  await expect(page.getByRole('option')).toHaveCount(1);
  await page.keyboard.press('Enter');
  await expect(page.getByRole('combobox', { name: 'Site' })).toHaveValue('North tower');
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
  await chooseSite(page);
  await expect(page.getByTestId('nearby-OM-N0002')).toBeVisible({ timeout: 20_000 });
  await begin(page, 'OM-N0002');
  await reached(page, 'needs_network');
  await accessible(page);
  await page.getByRole('radio', { name: /Plant-Floor/ }).check();
  await page.getByLabel('Network password').fill('short');
  await page.getByRole('button', { name: 'Join network' }).click();
  await expect(page.getByText('at least 8 characters').last()).toBeVisible();
  await expect(page.getByLabel('Network password'), 'the field that is wrong').toBeFocused();
  await page.getByLabel('Network password').fill('not the password');
  await page.getByRole('button', { name: 'Join network' }).click();
  await expect(page.getByTestId('failure')).toContainText('The network password is wrong', { timeout: 60_000 });
  await expect(page.getByTestId('failure')).toContainText('nothing has to be reset');
  await page.getByLabel('Network password').fill('press-on-2026');
  await page.getByLabel('Use for the next devices too').uncheck();
  await page.getByRole('button', { name: 'Join network' }).click();
  await reached(page, 'succeeded');
  await expect(page.getByText('It belongs to your organization')).toBeVisible();
  await expect(page.getByTestId('sync')).not.toHaveAttribute('data-pending', '0');
  await accessible(page);
  await page.getByRole('button', { name: 'Next device' }).click();
  await expect(page.getByText('1 device done.')).toBeVisible();
  await expect(page.getByLabel('QR text or claim code'), 'a hand scanner types the next label at once').toBeFocused();
});

test('a device of another organization is refused, and the page says whose it is not', async () => {
  const { page } = phone;
  await begin(page, 'OM-V0002');
  await reached(page, 'failed');
  await expect(page.getByTestId('failure')).toContainText('This device belongs to another organization');
  await expect(page.getByTestId('failure')).toContainText('Ask that organization for a release');
  await expect(page.getByRole('button', { name: 'Try again' })).toHaveCount(0);
  await page.getByRole('button', { name: 'Next device' }).click();
  await expect(page.getByLabel('QR text or claim code')).toBeFocused();
  await page.reload();
  await expect(page.getByTestId('nearby-OM-V0002'), 'what was left does not come back').toBeVisible({ timeout: 20_000 });
  await expect(card(page)).toHaveCount(0);
});

test('a claim code names no device: it is picked from the list, and the code proves that it is the one', async () => {
  const { page } = phone;
  await page.getByLabel('QR text or claim code').fill('no such code');
  await page.getByRole('link', { name: 'Devices' }).last().click();
  await page.getByRole('dialog', { name: 'Leave without saving?' }).getByRole('button', { name: 'Cancel' }).click();
  await page.getByLabel('QR text or claim code').press('Enter');
  await expect(page.getByLabel('QR text or claim code'), 'the field that is wrong').toBeFocused();
  await expect(page.getByRole('alert').filter({ hasText: 'no label of a device' })).toBeAttached();
  await page.getByLabel('QR text or claim code').fill(claimCode('OM-N0001'));
  await page.getByLabel('QR text or claim code').press('Enter');
  await expect(page.getByText('The code does not say which device it is')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Commission', exact: true }), 'nothing to send yet').toHaveCount(0);
  await accessible(page);
  await page.getByTestId('nearby-OM-N0001').getByRole('button', { name: /^Commission/ }).click();
  await reached(page, 'needs_pop');
  await page.getByLabel('Secret of the device').fill(secret('OM-N0001'));
  await page.getByRole('button', { name: 'Continue' }).click();
  await reached(page, 'needs_network');
  await expect(card(page).locator('li', { hasText: 'Blink' }), 'the code has proven it').toContainText('not needed');
});

test('a network that the device does not see keeps its name over the failure, and another one can be chosen', async () => {
  const { page } = phone;
  await page.getByRole('radio', { name: 'Another network' }).check();
  await page.getByLabel('Network name').fill('Cellar');
  await page.getByLabel('Network password').fill('down the stairs');
  await page.getByRole('button', { name: 'Join network' }).click();
  await expect(page.getByTestId('failure')).toContainText('The device does not see this network', { timeout: 60_000 });
  await expect(page.getByRole('radio', { name: 'Another network' })).toBeChecked();
  await expect(page.getByLabel('Network name')).toHaveValue('Cellar');
  await page.getByRole('radio', { name: /Legacy-AP/ }).check();
  await page.getByLabel('Network password').fill('legacy-2009');
  await page.getByRole('button', { name: 'Join network' }).click();
  await expect(card(page)).toHaveAttribute('data-state', 'failed', { timeout: 120_000 });
  await expect(page.getByTestId('failure')).toContainText('does not get through');
  await expect(page.getByRole('button', { name: 'Try again' })).toBeVisible();
  await expect(page.getByRole('radio', { name: /Legacy-AP/ }), 'the one that failed').toBeChecked();
  await accessible(page);
  // A device that tries for ever takes nothing new until it is switched off and on.
  await toDevices('OM-N0001', 'power_cycle');
  await page.getByRole('radio', { name: /Plant-Floor/ }).check();
  await page.getByLabel('Network password').fill('press-on-2026');
  await page.getByLabel('Use for the next devices too').uncheck();
  await page.getByRole('button', { name: 'Join network' }).click();
  await reached(page, 'succeeded');
  await page.getByRole('button', { name: 'Next device' }).click();
});

test('networks that read alike stand apart, one that needs a user account cannot be chosen, and a page that breaks lets go', async () => {
  const { page } = phone;
  const alike = ['YQ', 'Yg'].map((id) => ({ id, ssid: 'Caf\ufffd', rssi: -40, auth: 'wpa2' }));
  const others = [{ id: 'c3RhZmY', ssid: 'Staff', rssi: -30, auth: 'wpa2_enterprise' }, { id: 'b2xk', ssid: 'Old', rssi: -50, auth: 'wep' }];
  let networks: unknown = [...alike, ...others];
  phone.twist = ({ body }, _, path) => {
    const current = body as { state?: string } | null;
    if (path.startsWith('/app/commissions') && current?.state === 'needs_network') Object.assign(current, { networks, claimed: false, warnings: ['not_claimed'] });
  };
  await begin(page, 'OM-N0004');
  await reached(page, 'needs_network');
  await expect(page.getByText('it will not belong to your organization'), 'said before the password is given').toBeVisible();
  await expect(page.getByRole('radio', { name: /Caf/ })).toHaveCount(2);
  await expect(page.getByRole('radio', { name: /Staff Needs a user account/ })).toBeDisabled();
  await page.getByRole('radio', { name: /Old WEP/ }).check();
  await page.getByLabel('Network password').fill('1234');
  await page.getByRole('button', { name: 'Join network' }).click();
  await expect(page.getByText('5 to 26 characters').last()).toBeVisible();
  await expect(page.getByLabel('Network password')).toBeFocused();
  await accessible(page);
  networks = null;
  await expect(page.getByText('This page cannot show how the device is doing.')).toBeVisible();
  await accessible(page);
  await expect(page.getByText('TypeError'), 'of use for support only').toHaveCount(0);
  await page.getByText('Technical details').click();
  await expect(page.getByText('TypeError')).toBeVisible();
  await page.getByRole('button', { name: 'Stop it and pick a device' }).click();
  phone.twist = undefined;
  await expect(page.getByTestId('nearby')).toBeVisible();
});

test('without its label a device asks for its secret and blinks; killed there, the app knows what it left', async () => {
  const { page } = phone;
  await page.getByTestId('nearby-OM-N0003').getByRole('button', { name: /^Commission/ }).click();
  await reached(page, 'needs_pop');
  await page.getByLabel('Secret of the device').fill('wrong');
  await page.getByRole('button', { name: 'Continue' }).click();
  await expect(page.getByRole('alert')).toContainText('The secret is not the one of this device', { timeout: 60_000 });
  await accessible(page);
  await page.getByLabel('Secret of the device').fill(secret('OM-N0003'));
  await page.getByRole('button', { name: 'Continue' }).click();
  await reached(page, 'needs_confirm');
  await accessible(page);
  await page.getByRole('button', { name: 'Blink again' }).click();
  await reached(page, 'needs_confirm');
  await page.getByRole('button', { name: 'No', exact: true }).click();
  await expect(page.getByText('Was it another device, or none?')).toBeVisible();
  await accessible(page);
  await page.getByRole('button', { name: 'Pick another device' }).click();
  await expect(page.getByTestId('nearby-OM-N0003')).toBeVisible({ timeout: 20_000 });
  await page.getByTestId('nearby-OM-N0003').getByRole('button', { name: /^Commission/ }).click();
  await reached(page, 'needs_pop');
  await page.getByLabel('Secret of the device').fill(secret('OM-N0003'));
  await page.getByRole('button', { name: 'Continue' }).click();
  await reached(page, 'needs_confirm');
  await phone.kill();
  phone.start();
  await page.reload();
  await expect(page.getByText('One device was interrupted')).toBeVisible({ timeout: 20_000 });
  await expect(page.getByText(/stopped at “Blink”/)).toBeVisible();
  await accessible(page);
  await page.getByRole('button', { name: /^Dismiss/ }).click();
  await expect(page.getByText('One device was interrupted')).toHaveCount(0);
  await page.reload();
  await expect(page.getByTestId('nearby')).toBeVisible({ timeout: 20_000 });
  await expect(page.getByText('One device was interrupted')).toHaveCount(0);
});

test('a site that cannot be read, or none at all, leads on', async () => {
  const { page } = phone;
  const sites = (change: object) => (phone.twist = (answer, _, path) => void (path.startsWith('/v1/sites') && Object.assign(answer, change)));
  sites({ status: 500, body: { error: { code: 'internal', detail: '' } } });
  await page.reload();
  await expect(page.getByText('The server made a mistake')).toBeVisible();
  await accessible(page);
  sites({ status: 200, body: { items: [], next: null } });
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect(page.getByText('Ask an admin of your organization to add the first one.')).toBeVisible();
  await accessible(page);
  phone.twist = undefined;
  await page.reload();
  await expect(page.getByRole('combobox', { name: 'Site' }), 'the one used before').toHaveValue('North tower');
});

test('a device of another kind is shown and cannot be started', async () => {
  const { page } = phone;
  const lamp = { address: 'C0:FF:EE:00:00:01', name: 'Lamp', rssi: -20, seen_at: 0, protocol: 'other', planned: null };
  phone.twist = ({ body }, _, path) => {
    if (path === '/app/radio/nearby') (body as { items: unknown[] }).items.push(lamp);
  };
  await expect(page.getByTestId('nearby-Lamp')).toContainText('Not in setup mode');
  await expect(page.getByTestId('nearby-Lamp').getByRole('button')).toHaveCount(0);
  phone.twist = undefined;
});

test('an unprotected device is set up with a warning, its button, and a second password', async () => {
  const { page } = phone;
  const lamp = page.getByTestId('nearby-Hall-Lamp');
  await expect(lamp).toContainText('Not protected');
  await lamp.getByRole('button', { name: /^Commission/ }).click();
  await reached(page, 'needs_button');
  await expect(page.getByText('Press the button on the device.')).toBeVisible();
  await expect(page.getByText('nothing is encrypted')).toBeVisible();
  await accessible(page);
  await toDevices('Hall-Lamp', 'button');
  await reached(page, 'needs_confirm');
  await page.getByRole('button', { name: 'Yes, it blinks' }).click();
  await reached(page, 'needs_network');
  await page.getByRole('radio', { name: /Plant-Floor/ }).check();
  await page.getByLabel('Network password').fill('not the password');
  await page.getByLabel('Use for the next devices too').uncheck();
  await page.getByRole('button', { name: 'Join network' }).click();
  // With the quick devices of this lane the authorization lapses while somebody types: it is pressed again.
  const pressing = (arrived: () => Promise<void>) =>
    expect(async () => {
      await toDevices('Hall-Lamp', 'button');
      await arrived();
    }).toPass({ timeout: 60_000 });
  await pressing(() => expect(page.getByTestId('failure')).toContainText('could not join this network', { timeout: 2_000 }));
  await page.getByLabel('Network password').fill('press-on-2026');
  await page.getByRole('button', { name: 'Join network' }).click();
  await pressing(() => expect(card(page)).toHaveAttribute('data-state', 'succeeded', { timeout: 2_000 }));
  await expect(page.getByText('It does not belong to your organization')).toBeVisible();
  await expect(page.getByText('http://192.168.1.42/')).toBeVisible();
  await accessible(page);
  await page.getByRole('button', { name: 'Next device' }).click();
  await toDevices('Hall-Lamp', 'factory_reset');
});

test('a device for Thread is given a dataset', async () => {
  const { page } = phone;
  await begin(page, 'Mesh-Node');
  await reached(page, 'needs_network');
  await expect(page.getByText('it will not belong to your organization')).toBeVisible();
  await page.getByLabel('Dataset of the Thread network').fill('0e08');
  await page.getByRole('button', { name: 'Join network' }).click();
  await expect(page.getByText('cut off or has a typing error')).toBeVisible();
  await accessible(page);
  await page.getByLabel('Dataset of the Thread network').fill('000300000f0208dead00beef00cafe051000112233445566778899aabbccddeeff03084f6d6e694d65736801021234');
  await page.getByRole('button', { name: 'Join network' }).click();
  await reached(page, 'succeeded');
  await page.getByRole('button', { name: 'Next device' }).click();
  await toDevices('Mesh-Node', 'factory_reset');
});

test('labels are scanned with the camera: foreign ones are refused in words, what keeps it from seeing is said, and it is off when nobody looks', async () => {
  const browser = await browserThatSees(['Pallet 0815', label('OM-V0002'), label('OM-N0003')], 4);
  const filmed = await Phone.open(browser);
  const { page } = filmed;
  const [scan, dialog] = [page.getByRole('button', { name: 'Scan with the camera' }), page.getByRole('dialog')];
  await watchCameras(page);
  await filmed.signIn();
  await page.goto('/commission');
  await chooseSite(page);
  const troubles = { NotAllowedError: 'The camera is not allowed', NotFoundError: 'No camera found', NotReadableError: 'The camera is in use', TypeError: 'The camera does not start' };
  for (const [name, words] of Object.entries(troubles)) {
    await failCameras(page, name);
    await scan.click();
    await expect(dialog.getByText(words)).toBeVisible();
    await accessible(page);
    await page.keyboard.press('Escape');
    await expect(scan, 'the focus comes back').toBeFocused();
  }
  await scan.click();
  await failCameras(page, null);
  await dialog.getByRole('button', { name: 'Try again' }).click();
  await expect(dialog.getByText('This is no label of a device')).toBeVisible();
  await accessible(page);
  await expect(dialog, 'the label comes into the picture').toHaveCount(0, { timeout: 20_000 });
  await expect(page.getByText('In range.')).toBeVisible({ timeout: 20_000 });
  await expect(page.getByRole('button', { name: 'Commission', exact: true }).first(), 'nothing else is to be done').toBeFocused();
  expect(await camerasOf(page)).toEqual({ opened: 1, on: 0 });

  await page.getByRole('link', { name: 'Many devices in a row' }).click();
  await page.getByRole('button', { name: 'Begin here' }).click();
  await expect(page.getByText('No label yet. Scan the first one.')).toBeVisible();
  await scan.first().click();
  await expect(dialog.getByRole('status')).toContainText('is added', { timeout: 30_000 });
  for (const serial of ['OM-V0002', 'OM-N0003']) await expect(page.getByTestId(`visit-${serial}`)).toBeAttached({ timeout: 30_000 });
  await expect(dialog.getByText('on the list already'), 'it went on to look').toBeVisible({ timeout: 30_000 });
  await accessible(page);
  // Whoever navigates away without closing leaves no camera on.
  expect((await camerasOf(page)).on).toBe(1);
  await page.goBack();
  await expect(page.getByRole('heading', { level: 1, name: 'Commission', exact: true })).toBeVisible();
  expect((await camerasOf(page)).on).toBe(0);
  await page.goForward();
  await page.getByRole('button', { name: 'End visit' }).click();
  await dialog.getByRole('button', { name: 'End visit' }).click();
  await expect(page.getByRole('link', { name: 'Many devices in a row' })).toBeVisible({ timeout: 20_000 });
  await filmed.close();
  await browser.close();
});

test('when nothing can be heard for long, the page says what to look at', async () => {
  const { page } = phone;
  await toDevices('*', 'power_off');
  await expect(page.getByText('No device can be heard yet')).toBeVisible({ timeout: 60_000 });
  await accessible(page);
  await toDevices('*', 'power_on');
  await expect(page.getByTestId('nearby-OM-V0001')).toBeVisible({ timeout: 20_000 });
  await expect(page.getByText('No device can be heard yet')).toHaveCount(0);
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
  await expect(page.getByRole('button', { name: 'Keep theirs' })).toBeVisible({ timeout: 45_000 });
  await expect(page.getByTestId('sync')).toHaveAttribute('data-attention', '1');
  await accessible(page);
  await page.getByRole('button', { name: 'Keep theirs' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Keep theirs' }).click();
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
  await page.evaluate(() => localStorage.setItem('omniot.commission.ssid', 'Plant-Floor'));
  await page.getByRole('button', { name: 'Switch to Northlift Elevators' }).click();
  await page.getByRole('dialog').getByLabel('Password', { exact: true }).fill(person('technician').password);
  await page.getByRole('dialog').getByRole('button', { name: 'Open' }).click();
  await expect(page.getByRole('link', { name: 'Northlift Elevators' }).last()).toBeVisible();
  expect(await page.evaluate(() => Object.keys(localStorage).filter((key) => key.startsWith('omniot.commission.'))), 'where the one before worked is forgotten').toEqual([]);
  await page.goto('/accounts');
  await expect(page.getByRole('button', { name: 'Sign out of Verdant Cold Chain' }), 'it is somebody else\'s').toHaveCount(0);
  await page.getByRole('button', { name: 'Switch to Verdant Cold Chain' }).click();
  await page.getByRole('dialog').getByLabel('Password', { exact: true }).fill(person('technician', 'verdant').password);
  await page.getByRole('dialog').getByRole('button', { name: 'Open' }).click();
  await expect(page.getByRole('link', { name: 'Verdant Cold Chain' }).last()).toBeVisible();
  await page.goto('/accounts');
  await page.getByRole('button', { name: 'Sign out of Verdant Cold Chain' }).click();
  await accessible(page);
  await page.getByRole('dialog').getByRole('button', { name: 'Sign out' }).click();
  // Who signs out leaves the device to nobody.
  await expect(page.getByRole('heading', { name: 'Who is working?' })).toBeVisible();
  await expect(page.getByRole('main').getByRole('listitem')).toHaveCount(1);
});
