import { expect, type Page, test } from '@playwright/test';
import { faults } from './looks';
import { Phone } from './phone';

/** What the pages of the window do with answers that a healthy core rarely gives; everything else is the real core. */
type Canned = Record<string, { status: number; body: unknown }>;

let phone: Phone;
let canned: Canned = {};
const asked: string[] = [];
const said: unknown[] = [];
test.beforeAll(async ({ browser }) => {
  phone = await Phone.open(browser);
  const core = phone.request.bind(phone);
  phone.request = (method, path, body) => {
    asked.push(`${method} ${path}`);
    if (method !== 'GET') said.push(body);
    const answer = canned[`${method} ${path.split('?')[0]}`];
    return answer ? Promise.resolve(answer) : core(method, path, body);
  };
});
test.beforeEach(() => {
  canned = {};
  asked.length = 0;
});
test.afterAll(async () => {
  await phone.close();
});
test.describe.configure({ mode: 'serial' });

const ok = (body: unknown) => ({ status: 200, body });
const refused = (status: number, code: string) => ({ status, body: { error: { code, detail: 'as a test has it' } } });
const sync = (given: object) => ok({ state: 'synced', synced_at: Date.now() - 3 * 86_400_000, pending: 0, attention: 0, grants: 4, clock_skew_ms: 0, bytes_in: 9, bytes_out: 9, error: null, ...given });

/** Axe finds nothing and nothing is wider than a small phone: light and dark, from the left and from the right. */
async function accessible(page: Page) {
  for (const [scheme, locale] of [['light', 'en'], ['dark', 'ar-XB']] as const) {
    await page.emulateMedia({ colorScheme: scheme });
    await page.evaluate((name) => localStorage.setItem('omniot.locale', name), locale);
    await page.reload();
    await expect(page.getByRole('heading', { level: 1 }).first()).toBeVisible();
    await expect(page.locator('.skeleton')).toHaveCount(0);
    expect(await faults(page), `${scheme} ${locale}`).toEqual([]);
  }
  await page.emulateMedia({ colorScheme: 'light' });
  await page.evaluate(() => localStorage.setItem('omniot.locale', 'en'));
  await page.reload();
}

test('the link that starts the app opens its page, and a strange server is asked nothing before somebody agrees', async () => {
  const { page } = phone;
  canned['POST /app/link/take'] = ok({ url: 'omniot://invitation?token=omi_first&server=https%3A%2F%2Fstrange.example' });
  await page.goto('/');
  await expect(page.getByText('This link leads to strange.example')).toBeVisible();
  canned = {};
  await expect(page, 'the secret leaves the address bar').not.toHaveURL(/omi_/);
  expect(asked.filter((line) => line.includes('invitations'))).toEqual([]);
  canned['POST /v1/invitations/lookup'] = refused(410, 'link_expired');
  await page.getByRole('button', { name: 'Go on to strange.example' }).click();
  await expect(page.getByText('Server: strange.example')).toBeVisible();
  await expect(page.getByRole('alert')).toContainText('This link has expired');
  expect(asked.filter((line) => line.includes('invitations'))).toEqual(['POST /v1/invitations/lookup?server=https%3A%2F%2Fstrange.example']);
});

test('a second link on an open page is the one that counts', async () => {
  const { page } = phone;
  const tokens: unknown[] = [];
  const before = phone.request;
  phone.request = (method, path, body) => {
    if (path.startsWith('/v1/invitations/lookup')) tokens.push((body as { token: string }).token);
    return before(method, path, body);
  };
  canned['POST /v1/invitations/lookup'] = refused(410, 'link_expired');
  await page.goto('/invitation#token=omi_one');
  await expect(page.getByText(`Server: ${new URL(phone.way.origin).host}`), 'the default server is shown and needs no question').toBeVisible();
  await expect.poll(() => tokens).toEqual(['omi_one']);
  await page.evaluate(() => (window.location.hash = 'token=omi_two'));
  await expect.poll(() => tokens).toEqual(['omi_one', 'omi_two']);
  phone.request = before;
});

test('sign-in in the window', async () => {
  const { page } = phone;
  await page.goto('/sign-in');
  await expect(page.getByLabel('Server')).toHaveValue(phone.way.origin);
  await expect(page.getByRole('link', { name: 'Back to your accounts' }), 'there is none yet').toHaveCount(0);
  await accessible(page);
  await phone.signIn();
  await page.goto('/sign-in?add=1');
  await page.getByRole('link', { name: 'Back to your accounts' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Accounts' })).toBeVisible();
});

test('what is typed into an invitation is not left without a question', async () => {
  const { page } = phone;
  canned['POST /v1/invitations/lookup'] = ok({ email: 'nele@northlift.example', role: 'viewer', expires_at: Date.now() + 86_400_000, tenant: { name: 'northlift', display_name: 'Northlift Elevators', brand: null } });
  await page.goto('/invitation#token=omi_three');
  await page.getByLabel('Your name').fill('Nele Neu');
  await page.getByRole('link', { name: 'Back to your accounts' }).click();
  const question = page.getByRole('dialog', { name: 'Leave without saving?' });
  await question.getByRole('button', { name: 'Cancel' }).click();
  await expect(page.getByLabel('Your name')).toHaveValue('Nele Neu');
  await page.getByRole('link', { name: 'Back to your accounts' }).click();
  await question.getByRole('button', { name: 'Leave' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Accounts' })).toBeVisible();
});

test('how fresh things are stands there in words, on a small phone too', async () => {
  const { page } = phone;
  canned['GET /app/sync'] = sync({ state: 'offline', pending: 2 });
  await page.goto('/devices');
  const indicator = page.getByTestId('sync');
  await expect(page.getByTestId('sync-short')).toHaveText('Offline · 2 pending');
  await expect(page.getByTestId('sync-short')).toBeVisible();
  await expect(indicator).toHaveAttribute('aria-label', /Offline · synced to \w{3},? \d\d:\d\d( [AP]M)? · 2 pending/);
  await accessible(page);
  canned['GET /app/sync'] = sync({ state: 'stopped', error: { code: 'disk_full', detail: null } });
  await page.goto('/attention');
  await expect(page.getByRole('alert')).toContainText('The storage of this machine is full');
  await expect(page.getByTestId('sync-short')).toHaveText('Sync has stopped');
  await accessible(page);
});

test('a session that is over leads to sign-in with everything filled in, and back', async () => {
  const { page } = phone;
  canned['GET /app/sync'] = sync({ state: 'needs_sign_in' });
  canned['GET /v1/sessions'] = refused(401, 'not_signed_in');
  await page.goto('/attention');
  await expect(page.getByRole('main').getByRole('link', { name: 'Sign in' })).toBeVisible();
  await page.goto('/sessions');
  await page.getByRole('alert').getByRole('link', { name: 'Sign in' }).click();
  await expect(page.getByLabel('Server')).toHaveValue(phone.way.origin);
  await expect(page.getByLabel('Organization')).toHaveValue('northlift');
  await expect(page.getByLabel('E-mail')).toHaveValue(/@/);
  await expect(page).toHaveURL(/next=%2Fsessions/);
});

test('what signing out would lose is shown, also when only the core knows', async () => {
  const { page } = phone;
  const { body } = (await phone.request('GET', '/app/accounts', null)) as { body: { items: Record<string, unknown>[] } };
  const with_ = (unsent: number) => ok({ items: body.items.map((account) => ({ ...account, pending: 0, unsent })) });
  canned['GET /app/accounts'] = with_(2);
  await page.goto('/accounts');
  await expect(page.getByText('2 entries are only here')).toBeVisible();
  await accessible(page);
  await page.getByRole('button', { name: /^Sign out of/ }).click();
  await expect(page.getByRole('dialog').getByLabel('Throw away 2 entries that nobody has received')).toBeVisible();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
  canned['GET /app/accounts'] = with_(0);
  canned[`DELETE /app/accounts/${String(body.items[0]?.['id'])}`] = refused(409, 'changes_pending');
  await page.reload();
  await page.getByRole('button', { name: /^Sign out of/ }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Sign out' }).click();
  await expect(page.getByRole('dialog').getByRole('alert')).toContainText('Some changes have not reached the server');
  await page.getByRole('dialog').getByLabel('Throw away what nobody has received').check();
  await page.getByRole('dialog').getByRole('button', { name: 'Sign out' }).click();
  await expect.poll(() => asked.filter((line) => line.startsWith('DELETE')).at(-1)).toMatch(/\?discard=true$/);
});

test('what needs attention reads as words: no codes, no ids, and evidence has a question of its own', async () => {
  const { page } = phone;
  const sites = (await phone.request('GET', '/v1/sites?limit=200', null)) as { body: { items: { id: string; name: string }[] } };
  const site = sites.body.items[0];
  const at = Date.now() - 60_000;
  const attempt = {
    id: 'att_1', device_id: 'dev_1', serial: 'OM-N0007', site_id: site?.id, technician_id: 'per_1', technician_name: 'Tess Tech', client_id: 'cli_1',
    app_version: '0.1.0', os: 'linux', radio: 'virtual', identity_verified: true, outcome: 'failed', cause: 'wrong_password', started_at: at - 60_000, ended_at: at,
    steps: [{ step: 'join', started_at: at - 9_000, duration_ms: 9_000, outcome: 'failed', cause: 'wrong_password' }]
  };
  canned['GET /app/sync'] = sync({ attention: 2 });
  canned['GET /app/sync/attention'] = ok({
    items: [
      { intent_id: 'int_1', kind: 'device.update', target: { kind: 'device', id: 'dev_1', name: 'Lift 2' }, at, code: 'state_conflict', detail: 'retired devices stay', evidence: false, mine: { site_id: site?.id, min_security: 'sec1' }, theirs: { id: 'dev_1', site_id: null, min_security: 'sec2_patch1' } },
      { intent_id: 'int_2', kind: 'attempt.record', target: { kind: 'attempt', id: 'att_1', name: null }, at, code: null, detail: null, evidence: true, mine: attempt, theirs: null }
    ],
    next: null
  });
  await page.goto('/attention');
  const main = page.getByRole('main');
  await expect(main.getByRole('row', { name: /^Site/ })).toContainText(site?.name ?? '');
  await expect(main.getByRole('row', { name: /^Required protection/ })).toContainText('Security 1 (encrypted)');
  await expect(main.getByRole('heading', { name: 'Commissioning record: OM-N0007' })).toBeVisible();
  await expect(main).toContainText('The network password is wrong');
  expect(await main.innerText()).not.toMatch(/\b(dev|att|sit|mod|per)_|[{}]|state_conflict|site_id/);
  await accessible(page);
  await page.getByRole('button', { name: 'Discard the record' }).click();
  await expect(page.getByRole('dialog', { name: 'Discard this record for good?' })).toContainText('the only record');
});

test('a correction goes over what its author was shown: what somebody wrote meanwhile is said before', async () => {
  const { page } = phone;
  const stands = (theirs: string) =>
    ok({ items: [{ intent_id: 'int_7', kind: 'site.update', target: { kind: 'site', id: 'sit_1', name: 'Depot' }, at: Date.now() - 60_000, code: 'overtaken', detail: null, evidence: false, mine: { note: 'Ring twice' }, theirs: { id: 'sit_1', note: theirs } }], next: null });
  canned['GET /app/sync'] = sync({ attention: 1 });
  canned['GET /app/sync/attention'] = stands('Dog in the yard');
  canned['POST /app/sync/attention/int_7/retry'] = { status: 204, body: null };
  await page.goto('/attention');
  await page.getByRole('button', { name: 'Edit and retry' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Note').fill('Ring twice, dog in the yard');
  const send = dialog.getByRole('button', { name: 'Send again' });
  canned['GET /app/sync/attention'] = stands('Dog in the yard, code 4711');
  asked.length = 0;
  await expect.poll(() => asked, { timeout: 10_000 }).toContain('GET /app/sync/attention');
  await send.click();
  await expect(dialog.getByRole('alert')).toContainText('code 4711');
  expect(asked.filter((line) => line.startsWith('POST') && line.endsWith('retry'))).toEqual([]);
  expect(await faults(page)).toEqual([]);
  // And once more in the moment in which it is sent.
  canned['POST /app/sync/attention/int_7/retry'] = refused(409, 'stale');
  canned['GET /app/sync/attention'] = stands('Dog in the yard, code 0815');
  await send.click();
  await expect(dialog.getByRole('alert')).toContainText('code 0815');
  canned['POST /app/sync/attention/int_7/retry'] = { status: 204, body: null };
  canned['GET /app/sync/attention'] = ok({ items: [], next: null });
  said.length = 0;
  await send.click();
  await expect(dialog).toHaveCount(0);
  expect(said).toContainEqual({ values: { note: 'Ring twice, dog in the yard' }, was: { note: 'Dog in the yard, code 0815' } });
});

test('data is compared with the server, and what is unsent is saved into a file', async () => {
  const { page } = phone;
  await page.goto('/attention');
  await phone.synced();
  await page.getByRole('button', { name: 'Verify my data' }).click();
  await expect(page.getByText(/All \d+ records here are the same as on the server/)).toBeVisible();
  await accessible(page);
  await expect(page.getByRole('button', { name: /^Save unsent work/ }), 'there are none').toHaveCount(0);
  canned['POST /app/sync/verify'] = ok({ result: 'different' });
  await page.getByRole('button', { name: 'Verify my data' }).click();
  await expect(page.getByRole('alert')).toContainText('Everything is fetched anew now');
  canned['GET /app/sync'] = sync({ state: 'offline', pending: 1, evidence: 2 });
  canned['POST /app/sync/export'] = ok({ path: '/home/tess/Downloads/omniot-northlift-1.zip', changes: 1, files: 2 });
  await page.reload();
  await page.getByRole('button', { name: 'Save unsent work (3)' }).click();
  await expect(page.getByText(/Saved: one change, 2 files/)).toContainText('omniot-northlift-1.zip');
  await accessible(page);
});

test('what is typed stays where the disk is full, and can be saved once there is room', async () => {
  const { page } = phone;
  await page.goto('/devices?q=OM-N0009');
  await page.locator('a[data-row]').first().click();
  await page.getByRole('button', { name: 'Edit' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Note').fill('Behind the lift.');
  canned[`PATCH /v1/devices/${new URL(page.url()).pathname.split('/').at(-1)}`] = refused(507, 'disk_full');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(dialog.getByRole('alert')).toHaveText('The storage of this machine is full. Nothing was saved: free some space, then do it again before you leave.');
  await expect(dialog.getByLabel('Note')).toHaveValue('Behind the lift.');
  expect(await faults(page)).toEqual([]);
  canned = {};
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(dialog).toHaveCount(0);
  await expect(page.getByText('Behind the lift.').first()).toBeVisible();
});

test('a window that nobody sees asks for nothing, and catches up as soon as it is looked at', async () => {
  const { page } = phone;
  await page.clock.install();
  await page.goto('/attention');
  await phone.synced();
  const see = (state: 'visible' | 'hidden') =>
    page.evaluate((now) => {
      Object.defineProperty(document, 'visibilityState', { value: now, configurable: true });
      Object.defineProperty(document, 'hidden', { value: now === 'hidden', configurable: true });
      document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
    }, state);
  asked.length = 0;
  await page.clock.runFor('01:00');
  await expect.poll(() => asked, 'while it is looked at it does').toContain('GET /app/sync');
  await see('hidden');
  asked.length = 0;
  await page.clock.runFor('10:00');
  expect(asked).toEqual([]);
  await see('visible');
  await expect.poll(() => asked).toContain('GET /app/sync');
  expect(asked, 'and has the core look, too').toContain('POST /app/sync/wake');
});
