import { expect, type Page, test } from '@playwright/test';
import { fresh, signIn, somebody } from './actors';
import { faultsIn, LOOKS } from './looks';
import { Phone } from './phone';

/** What people do about synchronization, with the real core; only what no small tenant gives is canned. */
let phone: Phone;
let canned: Record<string, { status: number; body: unknown }> = {};
const bodies: unknown[] = [];
test.describe.configure({ mode: 'serial' });
test.beforeAll(async ({ browser }) => {
  phone = await Phone.open(browser);
  const core = phone.request.bind(phone);
  phone.request = (method, path, body) => {
    if (method === 'PATCH' && path === '/app/sync') bodies.push(body);
    const answer = canned[`${method} ${path.split('?')[0]}`];
    return answer ? Promise.resolve(answer) : core(method, path, body);
  };
  await phone.signIn();
});
test.afterAll(() => phone.close());

async function faultless(page: Page, what: string) {
  const [{ looks }] = LOOKS;
  expect(await faultsIn(page, looks, what)).toEqual([]);
}

test('fetching is paused and goes on, and the page says how it stands', async ({ browser }) => {
  const { page } = phone;
  const name = fresh('Behind the pause');
  await page.goto('/attention');
  await phone.request('PATCH', '/app/sync', { paused: true });
  await page.reload();
  await expect(page.getByText('Nothing new is fetched until you go on')).toBeVisible();
  await expect(page.getByTestId('sync')).toHaveAttribute('data-state', 'paused');
  await faultless(page, 'paused');
  const staff = await somebody(browser);
  await signIn(staff, 'operator');
  await staff.goto('/sites');
  await staff.getByRole('button', { name: 'Add site' }).click();
  await staff.getByRole('dialog').getByLabel('Name').fill(name);
  await staff.getByRole('dialog').getByRole('button', { name: 'Add site' }).click();
  await expect(staff.getByText(name).first()).toBeVisible();
  await page.goto(`/sites?q=${encodeURIComponent(name)}`);
  await expect(page.getByText('Nothing matches')).toBeVisible();
  await page.goto('/attention');
  await page.getByRole('button', { name: 'Go on' }).click();
  await phone.synced();
  await page.goto(`/sites?q=${encodeURIComponent(name)}`);
  await page.getByText(name).first().click();

  // What was done to it is told on its page; the history is the server's.
  await expect(page.getByRole('region', { name: 'Changes' })).toContainText('Site added');
  await staff.context().close();
});

test('a long first fetch says how far it is, and asks before it costs money', async () => {
  const { page } = phone;
  const { body } = await phone.request('GET', '/app/sync', null);
  const sync = (given: object) => ({ status: 200, body: { ...(body as object), state: 'syncing', synced_at: null, ...given } });
  canned['GET /app/sync'] = sync({ progress: { received: 12_500, of: 50_000, bytes: 450_000 } });
  canned['PATCH /app/sync'] = sync({ state: 'paused', hold: 'paused', progress: { received: 12_500, of: 50_000, bytes: 450_000 } });
  await page.goto('/attention');
  const bar = page.getByRole('progressbar', { name: '12,500 of 50,000 records' });
  await expect(bar).toHaveAttribute('value', '12500');
  await faultless(page, 'fetching');
  bodies.length = 0;
  await page.getByRole('button', { name: 'Pause' }).press('Enter');
  await expect(page.getByRole('button', { name: 'Go on' })).toBeVisible();
  expect(bodies).toEqual([{ paused: true }]);
  canned['GET /app/sync'] = sync({ state: 'paused', hold: 'metered', metered: true, expected: { rows: 50_000, bytes: 2_000_000 } });
  await page.reload();
  await expect(page.getByText('There are 50,000 records to fetch, about 2 MB')).toBeVisible();
  await expect(page.getByText('This network is metered: data is saved now.')).toBeVisible();
  await faultless(page, 'metered');
  bodies.length = 0;
  await page.getByRole('button', { name: 'Fetch now' }).click();
  await expect.poll(() => bodies).toEqual([{ anyway: true }]);
  canned = {};
});

test('mobile data is saved when somebody wants it, and room is given back after a question', async () => {
  const { page } = phone;
  await page.goto('/attention');
  await phone.synced();
  await page.getByLabel('Save mobile data').selectOption({ label: 'Always' });
  await expect(page.getByText('Data is saved now.')).toBeVisible();
  await phone.kill();
  phone.start();
  await page.reload();
  await expect(page.getByLabel('Save mobile data'), 'it outlives the app').toHaveValue('on');
  await page.getByRole('button', { name: 'Free up space' }).click();
  const dialog = page.getByRole('dialog', { name: 'Free up space on this machine?' });
  await expect(dialog).toContainText('Unsent changes and photos, what needs attention, and all records stay.');
  await faultless(page, 'free up space');
  await dialog.getByRole('button', { name: 'Free up space' }).click();
  await expect(page.getByText(/ freed\./)).toBeVisible();
  await page.getByLabel('Save mobile data').selectOption({ label: 'When the network is metered' });
});

test('a change that was not taken is corrected in place and sent again', async ({ browser }) => {
  const { page } = phone;
  const serial = `E2E-${Date.now().toString(36).toUpperCase()}`;
  const staff = await somebody(browser);
  await signIn(staff, 'operator');
  const models = (await phone.request('GET', '/v1/models', null)) as { body: { items: { id: string }[] } };
  phone.way.cut();
  await page.getByRole('button', { name: 'Sync now' }).click();
  await expect(page.getByTestId('sync')).toHaveAttribute('data-state', 'offline', { timeout: 45_000 });
  const made = await phone.request('POST', '/v1/devices', { serial, name: 'Made offline', model_id: models.body.items[0]?.id });
  expect(made.status).toBe(201);
  const first = await staff.request.post('/v1/devices', { headers: { 'x-omniot': '1' }, data: { serial, name: 'Made by staff', model_id: models.body.items[0]?.id } });
  expect(first.status()).toBe(201);
  const { id } = (await first.json()) as { id: string };
  expect((await staff.request.post(`/v1/devices/${id}/retire`, { headers: { 'x-omniot': '1' }, data: { reason: 'broken' } })).status()).toBe(200);
  phone.way.restore();
  await page.getByRole('button', { name: 'Sync now' }).click();
  await expect(page.getByRole('heading', { name: /New device: Made/ })).toBeVisible({ timeout: 45_000 });
  await expect(page.getByRole('button', { name: 'Keep mine' })).toBeVisible();
  await expect(page.getByRole('button', { name: 'Keep theirs' })).toBeVisible();
  await faultless(page, 'needs attention');
  await page.getByRole('button', { name: 'Save a copy' }).click();
  await expect(page.getByText(/Saved: one change/)).toBeVisible();
  await page.getByRole('button', { name: 'Edit and retry' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill('');
  await dialog.getByRole('button', { name: 'Send again' }).click();
  await expect(dialog.getByRole('alert'), 'what is wrong is said beside the field').toBeVisible();
  await faultless(page, 'edit and retry');
  await dialog.getByLabel('Name').fill('Made offline');
  await dialog.getByLabel('Serial').fill(`${serial}-B`);
  await dialog.getByRole('button', { name: 'Send again' }).click();
  await expect(page.getByText('Nothing needs your attention')).toBeVisible();
  await phone.synced();
  const there = (await (await staff.request.get(`/v1/devices?q=${serial}-B`)).json()) as { items: { name: string }[] };
  expect(there.items.map(({ name }) => name)).toEqual(['Made offline']);
  await staff.context().close();
});
