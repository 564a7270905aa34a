import { expect, type Page, test } from '@playwright/test';
import { fresh, person, signIn, somebody } from './actors';
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

/** The page's facts as they are read: what stands beside a name. */
const fact = (page: Page, name: string) => page.getByRole('main').locator('dl > div', { has: page.getByText(name, { exact: true }) }).locator('dd');

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

test('the page says in words how it stands, when it last reached the server, and what it took', async () => {
  const { page } = phone;
  const { body } = await phone.request('GET', '/app/sync', null);
  const sync = (given: object) => ({ status: 200, body: { ...(body as object), ...given } });
  const heard_at = Date.UTC(2026, 0, 15, 8, 30);
  canned['GET /app/sync'] = sync({ state: 'offline', synced_at: heard_at - 3_600_000, pending: 2, bytes_in: 1_240_000, bytes_out: 345_000, storage_bytes: 12_300_000, clock_skew_ms: 0, lease: { days: 14, heard_at, until: null, is_over: false, is_finishing: false } });
  await page.goto('/attention');
  await expect(fact(page, 'State')).toHaveText('Offline');
  await expect(fact(page, 'Last complete sync')).toHaveText('15 Jan 2026, 08:30');
  await expect(fact(page, 'Last contact with the server')).toHaveText('15 Jan 2026, 09:30');
  await expect(fact(page, 'Waiting to be sent')).toHaveText('2 pending');
  await expect(fact(page, 'Room taken on this machine')).toHaveText('12.3 MB');
  await expect(fact(page, 'Traffic')).toHaveText('1.2 MB received, 345 kB sent');
  canned['GET /app/sync'] = sync({ state: 'needs_sign_in', synced_at: null, bytes_in: 0, bytes_out: 830, lease: null });
  await page.reload();
  await expect(fact(page, 'State')).toHaveText('Sign in to sync');
  await expect(fact(page, 'Last complete sync')).toHaveText('Not yet');
  await expect(fact(page, 'Traffic')).toHaveText('0 byte received, 830 byte sent');
  await expect(page.getByText('Last contact with the server'), 'nobody knows').toHaveCount(0);
  canned = {};
});

test('a clock that is hours wrong is said with the hours, and one that is right is not', async () => {
  const { page } = phone;
  const { body } = await phone.request('GET', '/app/sync', null);
  const wrong = async (clock_skew_ms: number | null) => {
    canned['GET /app/sync'] = { status: 200, body: { ...(body as object), clock_skew_ms } };
    await page.reload();
    await expect(fact(page, 'State')).toBeVisible();
  };
  await page.goto('/attention');
  await wrong(3 * 3_600_000);
  await expect(page.getByText('This machine\'s clock is 3 hrs ahead. Times are corrected when they are sent.')).toBeVisible();
  await faultless(page, 'a wrong clock');
  await wrong(-3 * 3_600_000);
  await expect(page.getByText('This machine\'s clock is 3 hrs behind.')).toBeVisible();
  for (const right of [0, null]) {
    await wrong(right);
    await expect(page.getByText('This machine\'s clock')).toHaveCount(0);
  }
  canned = {};
});

test('who works everywhere keeps all sites, and who works at some sees which', async ({ browser }) => {
  const { page } = phone;
  const held = (of: Page) => of.getByTestId('held').locator(':scope > li');
  const SHARED = 'Your organization\'s shared data: models, the checklist, and what belongs to no site';
  const { body } = await phone.request('GET', '/v1/sites?limit=200', null);
  const { items } = body as { items: { name: string }[] };
  await page.goto('/attention');
  await expect(held(page)).toHaveText([`All ${items.length} sites`, SHARED, 'Your own list']);

  const owner = await somebody(browser);
  await signIn(owner, 'owner', 'verdant');
  const ask = async (method: 'get' | 'put', path: string, data?: object) => (await owner.request[method](path, { headers: { 'x-omniot': '1' }, data })).json().catch(() => null) as Promise<{ items: { id: string; name: string; email: string }[] } | null>;
  const sites = (await ask('get', '/v1/sites'))?.items ?? [];
  const technician = (await ask('get', '/v1/people?limit=200'))?.items.find(({ email }) => email === person('technician', 'verdant').email);
  const [first, second] = sites;
  expect(second, 'the demo has two sites').toBeDefined();
  const limited = await Phone.open(browser);
  try {
    await ask('put', `/v1/people/${technician?.id}/sites`, { sites: [second?.id] });
    await limited.signIn('verdant');
    await limited.page.goto('/attention');
    await expect(held(limited.page).first()).toHaveText(new RegExp(`^One site\\s*${second?.name}$`));
    await expect(held(limited.page).nth(1)).toHaveText(SHARED);
    await expect(held(limited.page).nth(2)).toHaveText('Your own list');
    await expect(limited.page.getByTestId('held')).not.toContainText(first?.name ?? '');
    await faultless(limited.page, 'one site');
    await ask('put', `/v1/people/${technician?.id}/sites`, { sites: [] });
    await expect(async () => {
      await limited.page.reload();
      await expect(held(limited.page).first(), 'what was taken away is not here any more').toHaveText('No site', { timeout: 2_000 });
    }).toPass({ timeout: 45_000 });
  } finally {
    await ask('put', `/v1/people/${technician?.id}/sites`, { sites: null });
    await limited.close();
    await owner.context().close();
  }

  // More than one reads at a glance.
  canned['GET /app/sync'] = { status: 200, body: { ...((await phone.request('GET', '/app/sync', null)).body as object), sites: 12 } };
  canned['GET /v1/sites'] = { status: 200, body: { items: Array.from({ length: 12 }, (_, n) => ({ id: `sit_${n}`, name: `Hall ${12 - n}` })), next: null } };
  await page.reload();
  const summary = page.getByTestId('held').locator('summary');
  await expect(summary).toHaveText('12 sites');
  await expect(page.getByText('Hall 1', { exact: true })).toHaveCount(0);
  await summary.press('Enter');
  await expect(page.getByTestId('held').locator('.names > li')).toHaveText(Array.from({ length: 12 }, (_, n) => `Hall ${n + 1}`));
  expect(await faultsIn(page, LOOKS[0].looks, 'many sites', ({ width }) => page.screenshot({ path: test.info().outputPath(`held-${width}.png`), fullPage: true }))).toEqual([]);
  canned = {};
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

test('words that lost to others are put in their place, and stand on the server', async ({ browser }) => {
  const { page } = phone;
  const serial = `E2E-${Date.now().toString(36).toUpperCase()}`;
  const staff = await somebody(browser);
  await signIn(staff, 'operator');
  const models = (await phone.request('GET', '/v1/models', null)) as { body: { items: { id: string }[] } };
  const made = await staff.request.post('/v1/devices', { headers: { 'x-omniot': '1' }, data: { serial, name: 'Written on twice', model_id: models.body.items[0]?.id } });
  const { id } = (await made.json()) as { id: string };
  await page.goto('/attention');
  await page.getByRole('button', { name: 'Sync now' }).click();
  await expect.poll(async () => (await phone.request('GET', `/v1/devices/${id}`, null)).status, { timeout: 45_000 }).toBe(200);
  phone.way.cut();

  // Two notes that do not fit into one: the server's stands, and the other waits for its author.
  const [mine, theirs] = ['Seen from below. ', 'Seen from above. '].map((words) => words.repeat(90).trim());
  await page.goto(`/devices/${id}`);
  await page.getByRole('button', { name: 'Edit' }).click();
  await page.getByRole('dialog').getByLabel('Note').fill(mine ?? '');
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('dialog')).toHaveCount(0);
  expect((await staff.request.patch(`/v1/devices/${id}`, { headers: { 'x-omniot': '1' }, data: { note: theirs } })).status()).toBe(200);
  phone.way.restore();
  await page.goto('/attention');
  await page.getByRole('button', { name: 'Sync now' }).click();
  await expect(page.getByText('Somebody else wrote here before your change arrived')).toBeVisible({ timeout: 45_000 });
  const note = async () => ((await (await staff.request.get(`/v1/devices/${id}`)).json()) as { note: string }).note;
  expect(await note()).toBe(theirs);
  await page.getByRole('button', { name: 'Keep mine' }).click();
  await expect(page.getByText('Nothing needs your attention')).toBeVisible();
  await phone.synced();
  await expect.poll(note, { timeout: 45_000 }).toBe(mine);
  await staff.context().close();
});
