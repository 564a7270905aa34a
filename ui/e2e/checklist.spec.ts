import { type Browser, expect, type Locator, type Page, test } from '@playwright/test';
import { fresh, person, signIn, somebody } from './actors';
import { faults, faultsIn, LOOKS, put } from './looks';
import { label, Phone, toDevices } from './phone';

test.describe.configure({ mode: 'serial' });
test.setTimeout(240_000);

const SERIALS = ['OM-N0003', 'OM-N0004'];
const COVER = fresh('Cover is screwed tight');
let phone: Phone;
let shown = 0;

/** The devices are new again, and in order. */
async function reset() {
  for (const serial of SERIALS) {
    await toDevices(serial, 'faults', { faults: {} });
    await toDevices(serial, 'factory_reset');
  }
}

test.beforeAll(async ({ browser }) => {
  await reset();
  phone = await Phone.open(browser);
});
test.afterAll(async ({ browser }) => {
  await phone.close();
  // Other tests find what they expect.
  await reset();
  const page = await staff(browser, 'admin');
  const { version } = (await (await page.request.get('/v1/checklist')).json()) as { version: number };
  const emptied = await page.request.put('/v1/checklist', { headers: { 'x-omniot': '1' }, data: { version, items: [] } });
  expect(emptied.status()).toBe(200);
  await page.context().close();
});

/** Axe finds nothing, in light and dark, narrow and wide; the pictures lie in the test's output. */
async function lookAt(page: Page, screen: string) {
  await expect(page.locator('.skeleton')).toHaveCount(0);
  shown += 1;
  const keep = ({ width, scheme }: { width: number; scheme: string }) => page.screenshot({ path: test.info().outputPath(`${String(shown).padStart(2, '0')}-${screen}-${width}-${scheme}.png`), fullPage: true });
  const before = page.viewportSize() ?? { width: 1280, height: 800 };
  const [{ looks }] = LOOKS;
  const [narrow, wide] = looks;
  expect(await faultsIn(page, looks, screen, keep)).toEqual([]);
  expect(await faultsIn(page, [{ ...narrow, scheme: wide.scheme }, { ...wide, scheme: narrow.scheme }], screen, keep)).toEqual([]);
  await put(page, { ...before, scheme: narrow.scheme });
}

/** A page of somebody of the staff. */
async function staff(browser: Browser, role: 'admin' | 'owner' | 'viewer'): Promise<Page> {
  const page = await somebody(browser);
  await signIn(page, role);
  return page;
}

/** Adds a check to the list that is edited, and folds it. */
async function add(page: Page, text: string, more: { evidence?: string; unit?: string; hint?: string; required?: boolean } = {}) {
  await page.getByRole('button', { name: 'Add check' }).first().click();
  const item = page.getByTestId('item').last();
  await expect(item.getByLabel('What is to be checked'), 'one types at once').toBeFocused();
  await page.keyboard.type(text);
  if (more.hint) await item.getByLabel('Hint').fill(more.hint);
  if (more.evidence) await item.getByLabel('Answered with').selectOption({ label: more.evidence });
  if (more.unit) await item.getByLabel('Unit').fill(more.unit);
  if (more.required) await item.getByRole('checkbox', { name: 'Required' }).check();
  await item.getByRole('button', { name: 'Done' }).click();
}

const texts = (page: Page) => page.getByTestId('item').locator('.text');
const save = (page: Page) => page.getByRole('button', { name: 'Save checklist' }).click();
const saved = (page: Page) => expect(page.getByText('The checklist is saved.')).toBeVisible();

test('an admin makes the checklist, puts it in order with the keyboard, and saves it', async ({ browser }) => {
  const page = await staff(browser, 'admin');
  await page.getByRole('link', { name: 'Checklist' }).first().click();
  await expect(page.getByText('No checklist yet')).toBeVisible();
  await lookAt(page, 'editor-empty');
  await add(page, 'Serial number can be read', { evidence: 'Photo', required: true });
  await add(page, COVER, { hint: 'All four screws, by hand.', required: true });
  await add(page, 'Supply voltage', { evidence: 'Number', unit: 'V', required: true });
  await add(page, 'Where it is mounted', { evidence: 'Text' });
  await page.getByRole('button', { name: `Move up: ${COVER}` }).focus();
  await page.keyboard.press('Enter');
  await expect(texts(page)).toHaveText([COVER, 'Serial number can be read', 'Supply voltage', 'Where it is mounted']);
  await expect(page.getByRole('button', { name: `Move down: ${COVER}` }), 'at the end the other button has the focus').toBeFocused();
  await page.getByRole('button', { name: 'Edit: Supply voltage' }).click();
  await lookAt(page, 'editor');
  await page.getByTestId('item').nth(2).getByLabel('What is to be checked').fill('');
  await save(page);
  await expect(page.getByText('Say what is to be checked, or remove it.')).toBeVisible();
  await expect(page.getByTestId('item').nth(2).getByLabel('What is to be checked')).toBeFocused();
  await page.keyboard.type('Supply voltage');
  await save(page);
  await saved(page);
  await page.reload();
  await expect(texts(page)).toHaveText([COVER, 'Serial number can be read', 'Supply voltage', 'Where it is mounted']);
  await expect(page.getByText('Last changed')).toBeVisible();
  await page.context().close();
});

test('one is asked before one leaves what is not saved', async ({ browser }) => {
  const page = await staff(browser, 'admin');
  await page.goto('/checklist');
  await add(page, 'Never saved');
  await page.getByRole('link', { name: 'Models' }).first().click();
  const question = page.getByRole('dialog', { name: 'Leave without saving?' });
  await expect(question).toBeVisible();
  await lookAt(page, 'editor-leaving');
  await page.keyboard.press('Escape');
  await expect(texts(page).last()).toHaveText('Never saved');
  await page.getByRole('link', { name: 'Models' }).first().click();
  await question.getByRole('button', { name: 'Leave' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Models' })).toBeVisible();
  await page.goBack();
  await expect(texts(page)).toHaveCount(4);
  await page.context().close();
});

test('who comes second sees it, and takes over what they had typed', async ({ browser }) => {
  const [first, second] = [await staff(browser, 'admin'), await staff(browser, 'owner')];
  for (const page of [first, second]) await page.goto('/checklist');
  await add(first, 'Dust cap is on');
  await add(second, 'Antenna stands upright');
  await save(first);
  await saved(first);
  await save(second);
  await expect(second.getByText('Somebody else has saved the checklist meanwhile')).toBeVisible();
  await expect(texts(second).last(), 'what was typed stays').toHaveText('Antenna stands upright');
  await lookAt(second, 'editor-stale');
  await second.getByRole('button', { name: 'Load again' }).click();
  await expect(texts(second).last()).toHaveText('Dust cap is on');
  const typed = second.getByRole('region', { name: 'What you typed' });
  await expect(typed).toContainText('Antenna stands upright');
  await lookAt(second, 'editor-typed');
  await typed.getByRole('button', { name: 'Take over “Antenna stands upright”' }).click();
  await expect(typed).toHaveCount(0);
  for (const text of ['Dust cap is on', 'Antenna stands upright']) await second.getByRole('button', { name: `Remove: ${text}` }).click();
  await expect(texts(second)).toHaveCount(4);
  await save(second);
  await saved(second);
  for (const page of [first, second]) await page.context().close();
});

test('who may not edit it can read it', async ({ browser }) => {
  const page = await staff(browser, 'viewer');
  await page.goto('/checklist');
  await expect(page.getByText('All four screws, by hand.')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Add check' })).toHaveCount(0);
  await lookAt(page, 'list');
  await page.context().close();
});

/** A photo as a camera makes it: large, and lying on its side when it is to be turned. */
async function photo(page: Page, { turned = false, seed = 1 } = {}) {
  const url = await page.evaluate((from) => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 2400, height: 1800 });
    const pen = canvas.getContext('2d');
    if (!pen) throw new Error('no canvas');
    for (let n = 0; n < 4000; n += 1) {
      pen.fillStyle = `hsl(${(n * 37 + from * 90) % 360} 60% ${30 + (n % 50)}%)`;
      pen.fillRect((n * 97 * from) % 2400, (n * 61) % 1800, 60 + (n % 90), 60 + (n % 70));
    }
    return canvas.toDataURL('image/jpeg', 0.95);
  }, seed);
  const plain = Buffer.from(url.split(',')[1] ?? '', 'base64');
  // Orientation 6: the top of the picture is on the right.
  const exif = Buffer.from('ffe10022457869660000' + '4d4d002a00000008' + '0001' + '0112000300000001' + '00060000' + '00000000', 'hex');
  return { name: `photo-${seed}.jpg`, mimeType: 'image/jpeg', buffer: turned ? Buffer.concat([plain.subarray(0, 2), exif, plain.subarray(2)]) : plain };
}

const item = (serial: string) => phone.page.getByTestId(`visit-${serial}`);
const checks = () => phone.page.getByTestId('checks');
const check = (text: string) => checks().getByTestId('check').filter({ hasText: text });
const isSaved = () => expect(checks().getByTestId('save-state')).toHaveAttribute('data-state', 'saved');
const addPhoto = async (where: Locator, file: Awaited<ReturnType<typeof photo>>) => where.locator('input[type=file]').setInputFiles(file);

/** Begins a visit at the tower, and gives it its network. */
async function beginVisit(page: Page) {
  await page.goto('/commission/visit');
  await page.getByRole('combobox', { name: 'Site' }).fill('tower');
  await expect(page.getByRole('option')).toHaveCount(1);
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Begin here' }).click();
  await page.getByLabel('Network name').fill('Plant-Floor');
  await page.getByLabel('Network password').fill('press-on-2026');
  await page.getByRole('button', { name: 'Use for all' }).click();
}

test('without a network a technician commissions devices and opens their checks', async () => {
  const { page } = phone;
  await phone.signIn();
  await phone.synced();
  // The checklist comes with a round.
  await expect.poll(async () => ((await phone.request('GET', '/v1/checklist', null)).body as { items: unknown[] }).items.length).toBe(4);
  phone.way.cut();
  await beginVisit(page);
  for (const serial of SERIALS) {
    await page.getByLabel('QR text').fill(label(serial));
    await page.getByLabel('QR text').press('Enter');
    await expect(item(serial)).toBeVisible();
  }
  await page.getByRole('button', { name: 'Start' }).click();
  for (const serial of SERIALS) await expect(item(serial)).toHaveAttribute('data-state', 'done', { timeout: 60_000 });
  await expect(item('OM-N0003').getByText('3 required open')).toBeVisible();
  await item('OM-N0003').getByRole('button', { name: /^Checks, note and photos of/ }).click();
  await expect(checks()).toBeVisible();
  await lookAt(page, 'visit-checks');
});

test('what is answered saves itself, and outlives the app', async () => {
  const { page } = phone;
  await check(COVER).getByRole('checkbox', { name: 'Done' }).check();
  await check('Supply voltage').getByLabel('Value in V').fill('24 V');
  await expect(checks().getByText('This is no number')).toBeVisible();
  await check('Supply voltage').getByLabel('Value in V').fill('23,8');
  await check('Where it is mounted').getByRole('checkbox', { name: 'Does not apply here' }).check();
  await check('Where it is mounted').getByLabel('Why it does not apply').fill('It hangs on a cable');
  await checks().getByLabel('Note').fill('The key is at the porter.');
  await isSaved();
  await expect(checks().getByText('3 of 4 checks answered')).toBeVisible();
  await expect(item('OM-N0003').getByText('1 required open')).toBeVisible();
  await phone.kill();
  phone.start();
  await page.reload();
  await item('OM-N0003').getByRole('button', { name: /^Checks, note and photos of/ }).click();
  await expect(check(COVER).getByRole('checkbox', { name: 'Done' })).toBeChecked();
  await expect(check('Supply voltage').getByLabel('Value in V')).toHaveValue('23.8');
  await expect(check('Where it is mounted').getByLabel('Why it does not apply')).toHaveValue('It hangs on a cable');
  await expect(checks().getByLabel('Note')).toHaveValue('The key is at the porter.');
});

test('a photo is made small and upright, and is said to be saved only when it is', async () => {
  const { page } = phone;
  const asked = check('Serial number can be read');
  phone.twist = (answer, method, path) => {
    if (method === 'POST' && path.endsWith('/photos')) Object.assign(answer, { status: 507, body: { error: { code: 'disk_full', detail: '' } } });
  };
  await addPhoto(asked, await photo(page, { turned: true }));
  await expect(asked.getByText('A photo is not saved yet.')).toBeVisible();
  await expect(checks().getByTestId('save-state')).toHaveAttribute('data-state', 'failed');
  await lookAt(page, 'photo-not-saved');
  await page.getByRole('link', { name: 'Devices' }).last().click();
  const question = page.getByRole('dialog', { name: 'Leave although something is not saved?' });
  await expect(question).toBeVisible();
  await page.keyboard.press('Escape');
  // Beside a label that is half typed each is asked about, and whoever stays has agreed to nothing.
  await page.getByLabel('QR text').fill('half a lab');
  const [dialog, leave] = [page.getByRole('dialog'), () => page.getByRole('dialog').getByRole('button', { name: 'Leave' })];
  await page.getByRole('link', { name: 'Devices' }).last().click();
  const first = await dialog.getByRole('heading').innerText();
  await leave().click();
  await expect(dialog.getByRole('heading')).not.toHaveText(first);
  await page.keyboard.press('Escape');
  await expect(dialog).toHaveCount(0);
  await page.getByRole('link', { name: 'Devices' }).last().click();
  await expect(dialog.getByRole('heading')).toHaveText(first);
  await page.keyboard.press('Escape');
  await page.getByLabel('QR text').fill('');
  phone.twist = undefined;
  await asked.getByRole('button', { name: /^Try again/ }).click();
  await expect(asked.getByTestId('photo')).toHaveAttribute('data-state', 'waiting');
  await isSaved();
  await expect(checks().getByText('4 of 4 checks answered')).toBeVisible();
  const size = await asked.locator('img').first().evaluate((image: HTMLImageElement) => [image.naturalWidth, image.naturalHeight]);
  expect(size, 'it stands upright').toEqual([1200, 1600]);
  await addPhoto(checks().locator('.loose'), await photo(page, { seed: 2 }));
  await expect(checks().locator('.loose').getByTestId('photo')).toHaveAttribute('data-state', 'waiting');
  await isSaved();
  await lookAt(page, 'photos');
  await asked.getByRole('button', { name: /^Show/ }).click();
  await expect(page.getByRole('dialog')).toBeVisible();
  await lookAt(page, 'photo-open');
  await page.keyboard.press('Escape');
});

test('nobody signs in beside a photo that is not saved without being asked, and whoever signs in again keeps it', async () => {
  const { page } = phone;
  const { body } = (await phone.request('GET', '/app/accounts', null)) as { body: { items: { id: string }[] } };
  const [core, asked] = [phone.request.bind(phone), [] as string[]];
  let id = body.items[0]?.id;
  phone.request = (method, path, body) => {
    if (method === 'POST') asked.push(path);
    if (method === 'POST' && path === '/app/accounts') return Promise.resolve({ status: 201, body: { id } });
    if (method === 'POST' && path.endsWith('/photos')) return Promise.resolve({ status: 507, body: { error: { code: 'disk_full', detail: '' } } });
    return core(method, path, body);
  };
  const question = page.getByRole('dialog', { name: 'Leave although something is not saved?' });
  const signInAs = async (role: 'technician' | 'operator') => {
    await page.getByRole('button', { name: /^You:/ }).click();
    await page.getByRole('menuitem', { name: 'Accounts' }).click();
    if (await question.isVisible()) await question.getByRole('button', { name: 'Leave' }).click();
    await page.getByRole('link', { name: 'Add account' }).click();
    await expect(page.getByLabel('Server')).toHaveValue(phone.way.origin);
    await page.getByLabel('Organization').fill('northlift');
    await page.getByLabel('E-mail').fill(person(role).email);
    await page.getByLabel('Password', { exact: true }).fill(person(role).password);
    await page.getByRole('button', { name: 'Sign in' }).click();
  };
  const loose = async () => {
    await page.getByRole('link', { name: 'Commission' }).last().click();
    await page.getByTestId('visit-under-way').getByRole('link').click();
    await item('OM-N0003').getByRole('button', { name: /^Checks, note and photos of/ }).click();
    return checks().locator('.loose').getByTestId('photo');
  };
  await addPhoto(checks().locator('.loose'), await photo(page, { seed: 9 }));
  await expect(checks().locator('.loose').getByText('A photo is not saved yet.')).toBeVisible();
  await page.getByRole('link', { name: 'Devices' }).last().click();
  await question.getByRole('button', { name: 'Leave' }).click();

  await signInAs('technician');
  await expect(page.getByRole('heading', { level: 1, name: 'Devices' }), 'it is theirs').toBeVisible();
  await expect((await loose()).last()).toHaveAttribute('data-state', 'failed');
  await page.getByRole('link', { name: 'Devices' }).last().click();
  await question.getByRole('button', { name: 'Leave' }).click();

  asked.length = 0;
  id = 'acc_other';
  await signInAs('operator');
  await expect(question).toContainText('With another account it is lost.');
  expect(asked).not.toContain('/app/accounts');
  expect(await faults(page)).toEqual([]);
  await question.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Devices' })).toBeVisible();
  expect(asked.slice(asked.indexOf('/app/accounts')), 'nothing goes out in the name of another').toEqual(['/app/accounts']);
  phone.request = core;
  await expect(await loose()).toHaveCount(1);
});

test('a photo that was taken out can be brought back for a moment', async () => {
  const loose = checks().locator('.loose');
  await addPhoto(loose, await photo(phone.page, { seed: 3 }));
  await expect(loose.getByTestId('photo')).toHaveCount(2);
  await isSaved();
  await loose.getByRole('button', { name: /^Remove .* 2$/ }).click();
  await loose.getByRole('button', { name: /^Bring back/ }).click();
  await expect(loose.getByTestId('photo').last()).toHaveAttribute('data-state', 'waiting');
  await loose.getByRole('button', { name: /^Remove .* 2$/ }).click();
  await expect(loose.getByTestId('photo')).toHaveCount(1, { timeout: 15_000 });
});

test('a file that is no picture is refused in words', async () => {
  const loose = checks().locator('.loose');
  await loose.locator('input[type=file]').setInputFiles({ name: 'letter.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('no picture') });
  await expect(loose.getByText('This file is no picture that can be read here.')).toBeVisible();
  await loose.getByRole('button', { name: /^Remove .* 2$/ }).click();
  await expect(loose.getByTestId('photo')).toHaveCount(1);
  await isSaved();
});

test('the summary tells what was checked, and ending names what is open', async () => {
  const { page } = phone;
  await page.getByRole('link', { name: 'Summary of the visit' }).click();
  const sheet = page.getByTestId('summary');
  await expect(sheet.getByRole('row').filter({ hasText: 'OM-N0003' })).toContainText('4 of 4');
  await expect(sheet.getByRole('row').filter({ hasText: 'OM-N0003' })).toContainText('The key is at the porter.');
  await expect(sheet.getByRole('row').filter({ hasText: 'OM-N0004' })).toContainText('3 required checks are open');
  await expect(sheet.getByText('Does not apply: It hangs on a cable')).toBeVisible();
  await expect(sheet.getByText('23.8 V')).toBeVisible();
  await lookAt(page, 'summary');
  await page.getByRole('button', { name: 'Save as file' }).click();
  await expect(page.getByText('Saved as')).toBeVisible();
  await page.goBack();
  await page.getByRole('button', { name: 'End visit' }).click();
  const question = page.getByRole('dialog');
  await expect(question).toContainText('At one device that is done, required checks are open.');
  await lookAt(page, 'visit-ending');
  await question.getByRole('button', { name: 'End visit' }).click();
  await expect(page.getByRole('link', { name: 'Many devices in a row' })).toBeVisible({ timeout: 20_000 });
});

test('photos wait for Wi-Fi only when somebody wants it', async () => {
  const { page } = phone;
  await page.goto('/attention');
  await page.getByRole('checkbox', { name: 'Send photos over Wi-Fi only' }).check();
  const isKept = async () => ((await phone.request('GET', '/app/sync', null)) as { body: { photos_wifi?: boolean } }).body.photos_wifi;
  await expect.poll(isKept, 'the app has heard of it').toBe(true);
  await phone.kill();
  phone.start();
  await page.reload();
  await expect(page.getByRole('checkbox', { name: 'Send photos over Wi-Fi only' }), 'it outlives the app').toBeChecked();
  await lookAt(page, 'sync-page');
  await page.getByRole('checkbox', { name: 'Send photos over Wi-Fi only' }).uncheck();
});

test('staff see what was checked, and the photos', async ({ browser }) => {
  phone.way.restore();
  await phone.request('POST', '/app/sync/now', null);
  await phone.synced();
  const page = await staff(browser, 'admin');
  await page.goto('/attempts');
  const record = page.getByTestId('recorded-checks');
  await expect(async () => {
    await page.reload();
    await page.locator('details').filter({ hasText: 'OM-N0003' }).locator('summary').first().click();
    await expect(record.getByText('4 of 4 checks answered')).toBeVisible({ timeout: 3_000 });
    await expect(record.locator('img')).toHaveCount(2, { timeout: 1_000 });
  }).toPass({ timeout: 120_000 });
  await expect(record.getByText('Does not apply: It hangs on a cable')).toBeVisible();
  await expect(record.getByText('The key is at the porter.')).toBeVisible();
  for (const image of await record.locator('img').all()) await expect.poll(() => image.evaluate((one: HTMLImageElement) => one.naturalWidth)).toBeGreaterThan(500);
  await lookAt(page, 'record');
  await page.context().close();
  // The technician's app shows it, too, from this machine.
  await phone.page.goto('/attempts');
  await phone.page.locator('details').filter({ hasText: 'OM-N0003' }).locator('summary').first().click();
  await expect(phone.page.getByTestId('recorded-checks').locator('img')).toHaveCount(2);
  await lookAt(phone.page, 'record-in-app');
});

test('what is no answer yet goes on when the visit tries a device again', async () => {
  const { page } = phone;
  await toDevices('OM-N0004', 'factory_reset');
  await toDevices('OM-N0004', 'faults', { faults: { wrong_key: true } });
  await beginVisit(page);
  await page.getByLabel('QR text').fill(label('OM-N0004'));
  await page.getByLabel('QR text').press('Enter');
  await page.getByRole('button', { name: 'Start' }).click();
  await expect(item('OM-N0004')).toHaveAttribute('data-state', 'failed', { timeout: 90_000 });
  await item('OM-N0004').getByRole('button', { name: /^Checks, note and photos of/ }).click();
  await check('Supply voltage').getByLabel('Value in V').fill('24 V');
  await check(COVER).getByRole('checkbox', { name: 'Done' }).check();
  await expect(checks().getByText('This is no number')).toBeVisible();
  await toDevices('OM-N0004', 'faults', { faults: {} });
  await item('OM-N0004').getByRole('button', { name: /again/ }).click();
  await page.getByRole('button', { name: /^(Start|Next device|Go on)$/ }).first().click();
  await expect(item('OM-N0004')).toHaveAttribute('data-state', 'done', { timeout: 60_000 });
  await expect(check('Supply voltage').getByLabel('Value in V')).toHaveValue('24 V');
  await expect(check(COVER).getByRole('checkbox', { name: 'Done' })).toBeChecked();
  await check('Supply voltage').getByLabel('Value in V').fill('24');
  await isSaved();
  await page.getByRole('button', { name: 'End visit' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'End visit' }).click();
  await expect(page.getByRole('link', { name: 'Many devices in a row' })).toBeVisible({ timeout: 20_000 });
});
