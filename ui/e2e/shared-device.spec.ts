import { expect, type Page, test } from '@playwright/test';
import { person } from './actors';
import { browserThatSees } from './camera';
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

type Answer = Awaited<ReturnType<Phone['request']>>;

/** Until it is called again, another one answers such requests than the core, or lets them wait. Each is kept in `asked`. */
function instead(of: Phone, wanted: string, answer: (core: () => Promise<Answer>) => Promise<Answer>) {
  const core = of.request.bind(of);
  const asked: string[] = [];
  of.request = (method, path, body) => {
    if (`${method} ${path}` !== wanted) return core(method, path, body);
    asked.push(wanted);
    return answer(() => core(method, path, body));
  };
  return { asked, over: () => void (of.request = core) };
}

const refused = (status: number, code: string) => () => Promise.resolve({ status, body: { error: { code, detail: 'as a test has it' } } });

/** The device slept: its clock has gone on, and no timer of the page. */
async function sleep(page: Page): Promise<void> {
  await page.clock.setSystemTime(await page.evaluate(() => Date.now() + 16 * 60_000));
}

/** Nobody is there for so long, and the page looks as often as it wants to. */
async function alone(of: Phone, minutes: number): Promise<void> {
  const looks = instead(of, 'GET /app/visit', (core) => core());
  for (let left = minutes; left > 0; left -= 4) {
    const before = looks.asked.length;
    await of.page.clock.fastForward('04:00');
    await expect.poll(() => looks.asked.length).toBeGreaterThan(before);
  }
  looks.over();
}

/** A commission and a visit as the core would tell of them. */
function says(state: string, waiting: number): void {
  const bodies: Record<string, unknown> = { '/app/commissions/current': { id: 'att_1', state, step: 'join' }, '/app/visit': { auto: true, going: true, counts: { waiting, running: 0, done: 0, failed: 0 } } };
  phone.twist = (answer, method, path) => void (method === 'GET' && path in bodies && Object.assign(answer, { status: 200, body: bodies[path] }));
}

const who = (page: Page) => page.getByRole('heading', { name: 'Who is working?' });

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
  await expect(page.getByRole('link', { name: 'Back to your accounts' }), 'it knows who works here').toBeVisible();
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

test('a tap or a key that wakes a device reaches no page, and nothing of it is seen before the device is locked', async () => {
  const { page } = phone;
  for (const by of ['a tap', 'a key', 'being looked at'] as const) {
    await open(page, 'technician');
    await page.goto(new URL('/sites', page.url()).href);
    await expect(page.getByRole('heading', { level: 1, name: 'Sites' })).toBeVisible();
    const places = page.getByRole('link', { name: 'Devices' }).last();
    await places.focus();
    const { x, y, width, height } = (await places.boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 };
    await page.evaluate(() => {
      const met: string[] = [];
      for (const type of ['pointerdown', 'pointerup', 'click', 'keydown', 'keyup']) document.addEventListener(type, () => met.push(type), true);
      Object.assign(window, { met });
    });
    let answered = () => {};
    const locks = instead(phone, 'POST /app/accounts/lock', (core) => new Promise((resolve) => (answered = () => resolve(core()))));
    await sleep(page);
    if (by === 'a tap') await page.mouse.click(x + width / 2, y + height / 2, { delay: 50 });
    else if (by === 'a key') await page.keyboard.press('Enter');
    else await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
    await expect(page.getByTestId('lock-cover'), by).toBeVisible();
    const seen = await page.evaluate(() => [[20, 20], [innerWidth / 2, innerHeight / 2], [innerWidth - 20, innerHeight - 20]].map(([x, y]) => document.elementFromPoint(x ?? 0, y ?? 0)?.closest('dialog')?.open));
    expect(seen, 'the cover is all that is there').toEqual([true, true, true]);
    await page.keyboard.press('Escape');
    await expect.poll(() => locks.asked.length).toBe(1);
    await accessible(page);
    answered();
    await expect(who(page)).toBeVisible();
    expect(await page.evaluate(() => (window as unknown as { met: string[] }).met), by).toEqual([]);
    await expect(page).toHaveURL(/\/sign-in$/);
    locks.over();
  }
});

test('whoever wakes a device that may not be locked goes on, without the tap that woke it', async () => {
  const { page } = phone;
  await open(page, 'technician');
  await page.goto(new URL('/sites', page.url()).href);
  await expect(page.getByRole('heading', { level: 1, name: 'Sites' })).toBeVisible();
  const locks = instead(phone, 'POST /app/accounts/lock', refused(409, 'commission_running'));
  await sleep(page);
  const { x, y, width, height } = (await page.getByRole('link', { name: 'Devices' }).last().boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 };
  await page.mouse.click(x + width / 2, y + height / 2);
  await expect.poll(() => locks.asked.length).toBe(1);
  await expect(page.getByTestId('lock-cover')).toBeHidden();
  await expect(page.getByRole('heading', { level: 1, name: 'Sites' })).toBeVisible();
  await page.mouse.click(x + width / 2, y + height / 2);
  await expect(page.getByRole('heading', { level: 1, name: 'Devices' })).toBeVisible();
  expect(locks.asked.length).toBe(1);
  locks.over();
});

test('why a device cannot be locked is said, and not tried again without a word', async () => {
  const { page } = phone;
  const locks = instead(phone, 'POST /app/accounts/lock', refused(409, 'sign_in_once'));
  await alone(phone, 16);
  const dialog = page.getByRole('dialog', { name: 'Locking did not work' });
  await expect(dialog).toContainText('This device does not know the password of this account yet.');
  await accessible(page);
  await alone(phone, 8);
  expect(locks.asked.length).toBe(1);
  locks.over();
  await dialog.getByRole('button', { name: 'Try again' }).click();
  await expect(who(page)).toBeVisible();
});

test('devices that follow each other without a hand keep a device open, and one that waits for its technician does not', async () => {
  const { page } = phone;
  await open(page, 'technician');
  await expect(page.getByRole('heading', { level: 1, name: 'Devices' })).toBeVisible();
  const locks = instead(phone, 'POST /app/accounts/lock', (core) => core());
  says('running', 0);
  await alone(phone, 20);
  says('succeeded', 1);
  await sleep(page);
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  await expect(page.getByTestId('lock-cover'), 'between two of them').toBeHidden();
  await alone(phone, 8);
  expect(locks.asked, 'nobody was locked out').toEqual([]);
  await alone(phone, 12);
  await expect(who(page), 'a visit that stands still is none').toBeVisible();

  says('running', 1);
  await open(page, 'technician');
  await expect(page.getByRole('heading', { level: 1, name: 'Devices' })).toBeVisible();
  await alone(phone, 8);
  says('needs_pop', 1);
  await alone(phone, 16);
  await expect(who(page)).toBeVisible();
  phone.twist = undefined;
  locks.over();
});

test('what a visit goes on with after a device that waited in vain keeps nothing open', async () => {
  const { page } = phone;
  await open(page, 'technician');
  await expect(page.getByRole('heading', { level: 1, name: 'Devices' })).toBeVisible();
  const cancels = instead(phone, 'POST /app/commissions/att_1/cancel', () => Promise.resolve({ status: 200, body: {} }));
  const locks = instead(phone, 'POST /app/accounts/lock', refused(409, 'commission_running'));
  says('needs_pop', 1);
  await alone(phone, 16);
  await expect.poll(() => cancels.asked.length).toBeGreaterThan(0);
  locks.over();
  says('running', 1);
  await alone(phone, 16);
  await expect(page.getByTestId('lock-cover')).toBeHidden();
  await expect(page.getByRole('heading', { level: 1, name: 'Devices' }), 'a device at work is finished').toBeVisible();
  says('succeeded', 0);
  await alone(phone, 4);
  await expect(who(page)).toBeVisible();
  phone.twist = undefined;
  cancels.over();
});

test('whoever reads labels with the camera is there', async () => {
  const browser = await browserThatSees(['Pallet 0815', 'Pallet 0816'], 2);
  const filmed = await Phone.open(browser);
  const { page } = filmed;
  await page.clock.install();
  await filmed.signIn();
  await filmed.signIn('northlift', '/sign-in?add=1', 'operator');
  await page.goto(new URL('/commission/visit', page.url()).href);
  await page.getByRole('combobox', { name: 'Site' }).fill('tower');
  await expect(page.getByRole('option')).toHaveCount(1);
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Begin here' }).click();
  await page.getByRole('button', { name: 'Scan with the camera' }).first().click();
  const labels = instead(filmed, 'POST /app/visit/items', (core) => core());
  for (let left = 20; left > 0; left -= 4) {
    const before = labels.asked.length;
    await expect.poll(() => labels.asked.length).toBeGreaterThan(before);
    await page.clock.fastForward('04:00');
  }
  await expect(page.getByRole('dialog').getByText('This is no label of a device')).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toHaveCount(0);
  await alone(filmed, 16);
  await expect(who(page)).toBeVisible();
  await filmed.close();
  await browser.close();
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
