import { expect, test } from '@playwright/test';
import { fresh, signIn } from './actors';

test('a device is found by search and filter, and the view can be sent on', async ({ page }) => {
  // Whose devices no test changes.
  await signIn(page, 'operator', 'verdant');
  const table = page.getByRole('table', { name: 'Devices' });
  await expect(table.getByRole('row')).toHaveCount(13);
  await page.keyboard.press('/');
  await expect(page.getByRole('searchbox')).toBeFocused();
  await page.keyboard.type('om-v0003');
  await expect(table.getByRole('row')).toHaveCount(2);
  await expect(page).toHaveURL(/q=om-v0003/);
  await page.reload();
  await expect(page.getByRole('searchbox')).toHaveValue('om-v0003');
  await expect(table.getByRole('row')).toHaveCount(2);
  await page.getByRole('searchbox').press('Escape');
  await expect(table.getByRole('row')).toHaveCount(13);
  await page.getByLabel('State').selectOption('retired');
  await expect(page.getByText('Nothing matches')).toBeVisible();
});

test('the list is walked with the arrow keys', async ({ page }) => {
  await signIn(page, 'viewer');
  const links = page.getByRole('table', { name: 'Devices' }).getByRole('link');
  await links.first().focus();
  await page.keyboard.press('ArrowDown');
  await expect(links.nth(1)).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/devices\/dev_/);
});

test('a planned device is added, edited and retired, and its changes tell the story', async ({ page }) => {
  const name = fresh('Goods lift');
  const serial = fresh('T').replace(' ', '-').toUpperCase();
  await signIn(page, 'operator');
  await page.getByRole('link', { name: 'Add device' }).click();
  await page.getByLabel('Serial', { exact: true }).fill(serial.toLowerCase());
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Model').selectOption({ index: 1 });
  await page.getByLabel('Site').selectOption({ index: 1 });
  await page.getByRole('button', { name: 'Add device' }).click();
  await expect(page.getByRole('heading', { level: 1, name })).toBeVisible();
  await expect(page.getByText(serial)).toBeVisible();

  await page.getByRole('button', { name: 'Edit' }).click();
  await page.getByRole('dialog').getByLabel('Note').fill('Behind the panel.');
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('status').getByText('Saved.')).toBeVisible();
  await expect(page.getByText('Behind the panel.').first()).toBeVisible();

  await page.getByRole('button', { name: 'Retire' }).click();
  const dialog = page.getByRole('dialog');
  await expect(dialog).toContainText('It leaves service for good');
  await dialog.getByLabel(/Reason/).fill('Replaced');
  await page.goBack();
  await page.getByRole('dialog', { name: 'Leave without saving?' }).getByRole('button', { name: 'Cancel' }).click();
  await expect(dialog.getByLabel(/Reason/), 'a reason that is typed is not lost').toHaveValue('Replaced');
  await dialog.getByRole('button', { name: 'Retire' }).click();
  await expect(page.getByText('Retired', { exact: true })).toBeVisible();
  await expect(page.getByRole('button', { name: 'Edit' })).toHaveCount(0);
  const changes = page.getByRole('region', { name: 'Changes' });
  for (const change of ['Device retired', 'Device edited', 'Device added']) await expect(changes).toContainText(change);
});

test('what somebody else changed while one edits stays, and what both changed is said before it is overwritten', async ({ page, context }) => {
  const name = fresh('Hoist');
  await signIn(page, 'operator');
  await page.goto('/devices/new');
  await page.getByLabel('Serial', { exact: true }).fill(fresh('H').replace(' ', '-').toUpperCase());
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Model').selectOption({ index: 1 });
  await page.getByRole('button', { name: 'Add device' }).click();
  await expect(page.getByRole('heading', { level: 1, name })).toBeVisible();
  const other = await context.newPage();
  await other.goto(page.url());
  const noted = async (note: string) => {
    await other.getByRole('button', { name: 'Edit' }).click();
    await other.getByRole('dialog').getByLabel('Note').fill(note);
    await other.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
    await expect(other.getByText(note).first()).toBeVisible();
    await expect(page.getByText(note).first(), 'it is known here').toBeAttached({ timeout: 40_000 });
  };
  const dialog = page.getByRole('dialog');

  await page.getByRole('button', { name: 'Edit' }).click();
  await noted('Gate code 4711.');
  await dialog.getByLabel('Name').fill(`${name} two`);
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('heading', { level: 1, name: `${name} two` })).toBeVisible();
  await expect(page.getByText('Gate code 4711.').first()).toBeVisible();

  await page.getByRole('button', { name: 'Edit' }).click();
  await dialog.getByLabel('Note').fill('Ask at the desk.');
  await noted('Ring twice.');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(dialog.getByRole('alert')).toContainText('Ring twice.');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('Ask at the desk.').first()).toBeVisible();
  await other.close();
});

test('a serial that exists is refused in words, and nothing that was typed is lost', async ({ page }) => {
  await signIn(page, 'operator');
  await page.goto('/devices/new');
  await page.getByLabel('Serial', { exact: true }).fill('OM-N0001');
  await page.getByLabel('Name').fill('Again');
  await page.getByLabel('Model').selectOption({ index: 1 });
  await page.getByRole('button', { name: 'Add device' }).click();
  await expect(page.getByText('This exists already.')).toBeVisible();
  await expect(page.getByLabel('Name')).toHaveValue('Again');
});

test('a device is put on one\'s own list, noted, and taken off; nobody else sees it', async ({ page, browser }) => {
  const name = fresh('Boiler');
  await signIn(page, 'operator');
  await page.getByRole('link', { name: 'Add device' }).click();
  await page.getByLabel('Serial', { exact: true }).fill(fresh('L').replace(' ', '-'));
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Model').selectOption({ index: 1 });
  await page.getByRole('button', { name: 'Add device' }).click();
  const card = page.getByRole('region', { name: 'My list' });
  await card.getByRole('button', { name: 'Add to my list' }).click();
  await card.getByRole('button', { name: 'Add a note' }).click();
  await page.getByRole('dialog').getByLabel(/Note/).fill('Bring the long ladder');
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
  await expect(card).toContainText('Bring the long ladder');
  const address = page.url();

  // The same person notes something elsewhere while this form is open.
  await card.getByRole('button', { name: 'Edit note' }).click();
  await page.getByRole('dialog').getByLabel(/Note/).fill('Bring both ladders');
  const elsewhere = await page.context().newPage();
  await elsewhere.goto(address);
  await elsewhere.getByRole('region', { name: 'My list' }).getByRole('button', { name: 'Edit note' }).click();
  await elsewhere.getByRole('dialog').getByLabel(/Note/).fill('The ladder is there');
  await elsewhere.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
  await expect(elsewhere.getByRole('region', { name: 'My list' })).toContainText('The ladder is there');
  await elsewhere.close();
  await expect(async () => {
    await page.evaluate(() => window.dispatchEvent(new Event('visibilitychange')));
    await expect(page.getByText('The ladder is there')).toBeVisible({ timeout: 1_000 });
  }).toPass();
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('dialog').getByRole('alert')).toContainText('Somebody changed this while you were editing');
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
  await expect(card).toContainText('Bring both ladders');

  await page.goto('/devices?bookmarked=true');
  const row = page.getByRole('table', { name: 'Devices' }).getByRole('row', { name: new RegExp(name) });
  await expect(row.getByRole('img', { name: 'On my list' })).toBeVisible();

  const other = await (await browser.newContext()).newPage();
  await signIn(other, 'viewer');
  await other.goto(address);
  await expect(other.getByRole('region', { name: 'My list' })).toContainText('Only you see');
  await expect(other.getByText('Bring both ladders')).toHaveCount(0);
  await other.goto('/devices?bookmarked=true');
  await expect(other.getByText('Your list is empty')).toBeVisible();
  await other.context().close();

  await row.getByRole('link').click();
  await card.getByRole('button', { name: 'Remove from my list' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Remove from my list' }).click();
  await expect(card.getByRole('button', { name: 'Add to my list' })).toBeVisible();
});

test('a viewer is offered nothing that a viewer may not do', async ({ page }) => {
  await signIn(page, 'viewer');
  await expect(page.getByRole('table', { name: 'Devices' })).toBeVisible();
  await expect(page.getByRole('link', { name: 'Add device' })).toHaveCount(0);
  await expect(page.getByRole('link', { name: 'Audit' })).toHaveCount(0);
  await page.getByRole('table', { name: 'Devices' }).getByRole('link').first().click();
  await expect(page.getByRole('region', { name: 'At a glance' })).toBeVisible();
  await expect(page.getByRole('button', { name: 'Edit' })).toHaveCount(0);
  await expect(page.getByRole('button', { name: 'Retire' })).toHaveCount(0);
});

test('what does not exist says so, with a way on', async ({ page }) => {
  await signIn(page, 'viewer');
  await page.goto('/devices/dev_00000000000000000000000000000000');
  await expect(page.getByRole('alert')).toContainText('This does not exist, or you may not see it.');
  await page.goto('/nowhere/at/all');
  await expect(page.getByRole('heading', { name: 'This page does not exist' })).toBeVisible();
});

test('in the browser, commissioning says why it needs the app', async ({ page }) => {
  await signIn(page, 'technician');
  await page.getByRole('link', { name: 'Commission' }).first().click();
  await expect(page.getByRole('heading', { name: 'Commissioning needs the OmnIoT app' })).toBeVisible();
  await expect(page.getByText('northlift', { exact: true })).toBeVisible();
});

test('without a network the pages say so, and go on by themselves', async ({ page, context }) => {
  await signIn(page, 'viewer');
  await expect(page.getByRole('table', { name: 'Devices' })).toBeVisible();
  await context.setOffline(true);
  await expect(page.getByRole('status').getByText('No connection')).toBeVisible();
  await expect(page.getByRole('table', { name: 'Devices' })).toBeVisible();
  await context.setOffline(false);
  await expect(page.getByText('No connection')).toHaveCount(0);
});
