import { expect, type Page, test } from '@playwright/test';
import { person } from './actors';
import { faults, put } from './looks';
import { Phone } from './phone';

test.describe.configure({ mode: 'serial' });
test.setTimeout(180_000);

let phone: Phone;
test.beforeAll(async ({ browser }) => {
  phone = await Phone.open(browser);
  await phone.page.clock.install();
  await phone.signIn();
  await phone.signIn('northlift', '/sign-in?add=1', 'operator');
});
test.afterAll(async () => {
  await phone.close();
});

const accessible = async (page: Page) => expect(await faults(page)).toEqual([]);

async function open(page: Page, role: 'technician' | 'operator', password = person(role).password): Promise<void> {
  await page.getByRole('button', { name: person(role).email }).click();
  const dialog = page.getByRole('dialog');
  await expect(dialog.getByLabel('Password', { exact: true })).toBeFocused();
  await dialog.getByLabel('Password', { exact: true }).fill(password);
  await dialog.getByRole('button', { name: 'Open' }).click();
}

async function lock(page: Page): Promise<void> {
  await page.getByRole('button', { name: /^You:/ }).click();
  await page.getByRole('menuitem', { name: 'Lock' }).click();
  await expect(page.getByRole('heading', { name: 'Who is working?' })).toBeVisible();
}

/** Opens the first account, the technician's, with the keyboard alone, and types as soon as its dialog is there. */
async function openByKeyboard(page: Page): Promise<void> {
  await page.keyboard.press('Tab');
  await expect(page.getByRole('button', { name: person('technician').email })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('dialog').getByLabel('Password', { exact: true })).toBeFocused();
  await page.keyboard.type(person('technician').password);
  await page.keyboard.press('Enter');
}

test('a device is a shared one as soon as a second person has signed in, and is opened with the keyboard alone', async () => {
  const { page } = phone;
  await page.clock.runFor('16:00');
  await expect(page.getByRole('heading', { name: 'Who is working?' })).toBeVisible();
  await openByKeyboard(page);
  await expect(page.getByRole('heading', { level: 1, name: 'Devices' })).toBeVisible();
});

test('whoever opens a device again is where they were, and nobody else', async () => {
  const { page } = phone;
  const asTechnician = '/sites?q=North+tower';
  await page.goto(new URL(asTechnician, page.url()).href);
  await expect(page.getByRole('heading', { level: 1, name: 'Sites' })).toBeVisible();
  await lock(page);
  await expect(page, 'no address of before').toHaveURL(/\/sign-in$/);
  expect(await page.evaluate(() => JSON.stringify([localStorage, sessionStorage])), 'nor is it kept anywhere').not.toContain('/sites');
  await open(page, 'technician');
  await expect(page.getByRole('heading', { level: 1, name: 'Sites' })).toBeVisible();
  expect(new URL(page.url()).pathname + new URL(page.url()).search).toBe(asTechnician);

  // Nobody touched it for a while: the same.
  await page.clock.runFor('16:00');
  await expect(page.getByRole('heading', { name: 'Who is working?' })).toBeVisible();
  await openByKeyboard(page);
  await expect(page.getByRole('heading', { level: 1, name: 'Sites' })).toBeVisible();

  // A page before sign-in is nobody's.
  await page.goto(new URL(`/sign-in?add=1&email=${encodeURIComponent(person('operator').email)}`, page.url()).href);
  await expect(page.getByRole('heading', { name: 'Sign in' })).toBeVisible();
  await page.clock.runFor('16:00');
  await expect(page.getByRole('heading', { name: 'Who is working?' })).toBeVisible();
  await openByKeyboard(page);
  await expect(page).toHaveURL(/\/devices$/);

  await page.goto(new URL(asTechnician, page.url()).href);
  await expect(page.getByRole('heading', { level: 1, name: 'Sites' })).toBeVisible();
  await lock(page);
  await open(page, 'operator');
  await expect(page.getByRole('heading', { level: 1, name: 'Devices' }), 'a colleague begins with their own').toBeVisible();
  await expect(page).toHaveURL(/\/devices$/);
  await lock(page);
  await open(page, 'technician');
  await expect(page, 'and what was before that is forgotten').toHaveURL(/\/devices$/);
  await expect(page.getByRole('heading', { level: 1, name: 'Devices' })).toBeVisible();
});

test('a device is locked and opened by its other person, without a network', async () => {
  const { page } = phone;
  phone.way.cut();
  await lock(page);
  await accessible(page);
  await page.screenshot({ path: '../tests/output/browser/locked.png' });
  await page.goBack();
  await page.goto(new URL('/devices', page.url()).href);
  await expect(page.getByRole('heading', { name: 'Who is working?' }), 'no page of before opens').toBeVisible();
  await open(page, 'technician', 'not this one');
  await expect(page.getByRole('dialog').getByText('This is not the password of this account.')).toBeVisible();
  await accessible(page);
  await page.screenshot({ path: '../tests/output/browser/locked-wrong.png' });
  await page.getByRole('dialog').getByLabel('Password', { exact: true }).fill(person('technician').password);
  await page.getByRole('dialog').getByRole('button', { name: 'Open' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Devices' })).toBeVisible();
  await expect(page.getByRole('table', { name: 'Devices' }).or(page.getByRole('list', { name: 'Devices' })).first()).toBeVisible();
});

test('what is typed is saved or left before a device is locked', async () => {
  const { page } = phone;
  await page.goto(new URL('/devices/new', page.url()).href);
  await page.getByLabel('Name').fill('Half a name');
  await page.getByRole('button', { name: /^You:/ }).click();
  await page.getByRole('menuitem', { name: 'Lock' }).click();
  await expect(page.getByRole('dialog')).toContainText('Something that you typed is not saved.');
  await page.getByRole('dialog').getByRole('button', { name: /Close|OK|Cancel/ }).first().click();
  await expect(page.getByLabel('Name')).toHaveValue('Half a name');
  await page.getByLabel('Name').fill('');
});

test('after a restart nobody is in, and the way to sign in as somebody else leads back', async () => {
  const { page } = phone;
  await phone.kill();
  phone.start();
  await page.goto(new URL('/sites', page.url()).href);
  await expect(page.getByRole('heading', { name: 'Who is working?' })).toBeVisible();
  await page.getByRole('link', { name: 'Sign in as somebody else' }).click();
  await expect(page.getByRole('heading', { name: 'Sign in' })).toBeVisible();
  await page.getByRole('link', { name: 'Back to your accounts' }).click();
  await expect(page.getByRole('heading', { name: 'Who is working?' })).toBeVisible();
  await put(page, { width: 360, height: 740, scheme: 'dark' });
  await accessible(page);
  await page.screenshot({ path: '../tests/output/browser/locked-dark.png' });
  await put(page, { width: 360, height: 740, scheme: 'light' });
  await open(page, 'operator');
  await expect(page.getByRole('heading', { level: 1, name: 'Devices' })).toBeVisible();
});

test('a colleague\'s account takes its password where accounts are switched, too', async () => {
  const { page } = phone;
  await page.goto(new URL('/accounts', page.url()).href);
  await expect(page.getByText('Locked', { exact: true })).toBeVisible();
  await accessible(page);
  await page.getByRole('listitem').filter({ hasText: person('technician').email }).getByRole('button', { name: /^Switch/ }).click();
  await page.getByRole('dialog').getByLabel('Password', { exact: true }).fill(person('technician').password);
  await page.getByRole('dialog').getByRole('button', { name: 'Open' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Devices' })).toBeVisible();
});

test('a device that nobody touches is locked, but not under what somebody types', async () => {
  const { page } = phone;
  await page.goto(new URL('/devices/new', page.url()).href);
  await page.getByLabel('Name').fill('Half a name');
  await page.clock.runFor('16:00');
  await expect(page.getByLabel('Name')).toHaveValue('Half a name');
  await page.getByLabel('Name').fill('');
  await page.clock.runFor('16:00');
  await expect(page.getByRole('heading', { name: 'Who is working?' })).toBeVisible();
});

test('a device that did not reach the server for too long says so, and opens with the next contact', async () => {
  const { page } = phone;
  await page.goto(new URL('/devices', page.url()).href);
  await open(page, 'technician');
  await expect(page.getByRole('heading', { level: 1, name: 'Devices' })).toBeVisible();
  // That the core shows nothing then is tested there; no clock is set for a browser.
  phone.twist = (answer, method, path) => {
    const { lease } = answer.body as { lease?: { is_over: boolean } };
    if (method === 'GET' && path === '/app/sync' && lease) lease.is_over = true;
  };
  await page.goto(new URL('/devices', page.url()).href);
  await expect(page.getByRole('heading', { level: 1, name: 'Connect to the server' })).toBeVisible();
  await expect(page.getByRole('table')).toHaveCount(0);
  await accessible(page);
  await page.screenshot({ path: '../tests/output/browser/lease-over.png' });
  phone.twist = undefined;
  phone.way.restore();
  await page.getByRole('button', { name: 'Try now' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Devices' })).toBeVisible();
  await page.goto(new URL('/attention', page.url()).href);
  await expect(page.getByText('Readable without a network until')).toBeVisible();
  await expect(page.getByText('Last contact with the server')).toBeVisible();
});
