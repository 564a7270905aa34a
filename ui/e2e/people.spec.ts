import { expect, test } from '@playwright/test';
import { fresh, invitationLink, signIn, somebody } from './actors';

test('somebody is invited, joins, changes role and is removed, and each step bites at once', async ({ page, browser }) => {
  const email = `${fresh('new').replace(' ', '-')}@northlift.example`;
  await signIn(page, 'owner');
  await page.getByRole('link', { name: 'People' }).click();
  await page.getByRole('button', { name: 'Invite' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('E-mail').fill(email);
  await dialog.getByLabel('Role').selectOption('viewer');
  await dialog.getByRole('button', { name: 'Send invitation' }).click();
  await expect(page.getByRole('region', { name: 'Open invitations' })).toContainText(email);

  const link = await invitationLink(browser, email);
  const newcomer = await somebody(browser);
  await newcomer.goto(link);
  await expect(newcomer.getByText(`with ${email}`)).toBeVisible();
  await expect(newcomer, 'the secret leaves the address bar').not.toHaveURL(/omi_/);
  await newcomer.getByLabel('Your name').fill('Nele Neu');
  await newcomer.getByLabel('Choose a password', { exact: true }).fill('short');
  await newcomer.getByRole('button', { name: 'Create my account' }).click();
  await expect(newcomer.getByText(/Please check this/)).toBeVisible();
  await newcomer.getByLabel('Choose a password', { exact: true }).fill('nine orange umbrellas');
  await newcomer.getByRole('button', { name: 'Create my account' }).click();
  await expect(newcomer.getByText('Your account is ready')).toBeVisible();
  await expect(newcomer.getByLabel('E-mail')).toHaveValue(email);
  await newcomer.getByLabel('Password', { exact: true }).fill('nine orange umbrellas');
  await newcomer.getByRole('button', { name: 'Sign in' }).click();
  await expect(newcomer.getByRole('heading', { level: 1, name: 'Devices' })).toBeVisible();
  await expect(newcomer.getByRole('link', { name: 'Add device' })).toHaveCount(0);

  await page.reload();
  await page.getByRole('button', { name: 'Actions for Nele Neu' }).click();
  await page.getByRole('menuitem', { name: 'Name and role…' }).click();
  await page.getByRole('dialog').getByLabel('Role').selectOption('operator');
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('row', { name: /Nele Neu/ })).toContainText('Operator');
  await newcomer.reload();
  await expect(newcomer.getByRole('link', { name: 'Add device' })).toBeVisible();

  await newcomer.getByRole('link', { name: 'Sites' }).first().click();
  await expect(newcomer.getByRole('table').getByRole('row')).not.toHaveCount(2);
  await page.getByRole('button', { name: 'Actions for Nele Neu' }).click();
  await page.getByRole('menuitem', { name: 'Sites…' }).click();
  const choice = page.getByRole('dialog', { name: 'Where Nele Neu works' });
  await choice.getByLabel('Works', { exact: true }).selectOption('some');
  await choice.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('dialog', { name: 'No site at all for Nele Neu?' }).getByRole('button', { name: 'Cancel' }).click();
  const site = (await choice.getByRole('checkbox').first().evaluate((box) => box.parentElement?.textContent)) ?? '';
  await choice.getByRole('searchbox').fill('nothing is called so');
  await choice.getByRole('searchbox').press('Enter');
  await expect(choice.getByRole('checkbox'), 'Enter searches and sends nothing').toHaveCount(0);
  await choice.getByRole('searchbox').press('Escape');
  await choice.getByRole('checkbox').first().check();
  await page.screenshot({ path: '../tests/output/person-sites.png' });
  await choice.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('row', { name: /Nele Neu/ })).toContainText('at chosen sites');
  await newcomer.reload();
  await expect(newcomer.getByRole('table').getByRole('row'), 'the head and the one site').toHaveCount(2);
  expect(site).toContain((await newcomer.getByRole('table').getByRole('link').first().textContent())?.trim());

  await page.getByRole('button', { name: 'Actions for Nele Neu' }).click();
  await page.getByRole('menuitem', { name: 'Remove…' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Remove…' }).click();
  await expect(page.getByRole('row', { name: /Nele Neu/ })).toHaveCount(0);
  await newcomer.getByRole('link', { name: 'Devices' }).first().click();
  await expect(newcomer.getByText('Your session has ended')).toBeVisible();
  await expect(newcomer.getByRole('button', { name: 'Sign in' })).toBeVisible();

  await newcomer.goto(link);
  await expect(newcomer.getByRole('alert')).toContainText('already used');
  await newcomer.context().close();
});

test('the last owner stays', async ({ page }) => {
  await signIn(page, 'owner', 'verdant');
  await page.goto('/people');
  await page.getByRole('row', { name: /\(you\)/ }).getByRole('button').click();
  await page.getByRole('menuitem', { name: 'Remove…' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Remove…' }).click();
  await expect(page.getByRole('dialog').getByRole('alert')).toContainText('at least one owner');
});

test('lowering the own role asks first, and staying as one is changes nothing', async ({ page }) => {
  await signIn(page, 'owner', 'verdant');
  await page.goto('/people');
  const me = page.getByRole('row', { name: /\(you\)/ });
  await me.getByRole('button').click();
  await page.getByRole('menuitem', { name: 'Name and role…' }).click();
  await page.getByRole('dialog').getByLabel('Role').selectOption('viewer');
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
  const question = page.getByRole('dialog', { name: 'Lower your own role?' });
  await expect(question).toContainText('From Owner to Viewer');
  await question.getByRole('button', { name: 'Lower my role' }).click();
  await expect(question.getByRole('alert'), 'the last owner cannot').toContainText('at least one owner');
  await question.getByRole('button', { name: 'Cancel' }).click();
  await expect(page.getByRole('dialog').getByLabel('Role'), 'what was chosen is still there').toHaveValue('viewer');
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
  await expect(me).toContainText('Owner');
});

test('a question that was cancelled has forgotten its error, and a slash in a dialog stays there', async ({ page }) => {
  await signIn(page, 'owner', 'verdant');
  await page.goto('/people');
  const remove = async () => {
    await page.getByRole('row', { name: /\(you\)/ }).getByRole('button').click();
    await page.getByRole('menuitem', { name: 'Remove…' }).click();
  };
  await remove();
  await page.getByRole('dialog').getByRole('button', { name: 'Remove…' }).click();
  await expect(page.getByRole('dialog').getByRole('alert')).toBeVisible();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
  await expect(page.getByRole('dialog')).toHaveCount(0);
  await remove();
  await expect(page.getByRole('dialog')).toBeVisible();
  await expect(page.getByRole('dialog').getByRole('alert')).toHaveCount(0);
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).focus();
  await page.keyboard.press('/');
  await expect(page.getByRole('dialog').getByRole('button', { name: 'Cancel' })).toBeFocused();
});

test('the matrix shows what each role may do', async ({ page }) => {
  await signIn(page, 'viewer');
  await page.getByRole('link', { name: 'Roles' }).click();
  const row = page.getByRole('row', { name: /Make and unmake owners/ });
  await expect(row.getByRole('cell')).toHaveText(['Yes', 'No', 'No', 'No', 'No']);
});

test('the audit log says who did what, and can be narrowed', async ({ page }) => {
  await signIn(page, 'admin');
  const name = fresh('Depot');
  await page.getByRole('link', { name: 'Sites' }).click();
  await page.getByRole('button', { name: 'Add site' }).click();
  await page.getByRole('dialog').getByLabel('Name').fill(name);
  await page.getByRole('dialog').getByLabel('Time zone').fill('Nowhere/Land');
  await page.getByRole('dialog').getByRole('button', { name: 'Add site' }).click();
  await expect(page.getByRole('dialog').getByText(/This time zone is not known/)).toBeVisible();
  await page.getByRole('dialog').getByLabel('Time zone').fill('Europe/Vienna');
  await page.getByRole('dialog').getByRole('button', { name: 'Add site' }).click();
  await expect(page.getByRole('row', { name: new RegExp(name) })).toBeVisible();
  await page.getByRole('link', { name: 'Audit' }).click();
  await page.getByLabel('What').selectOption('site.create');
  await expect(page.getByRole('row', { name: new RegExp(name) })).toContainText('Site added');
  await page.reload();
  await expect(page.getByRole('row', { name: new RegExp(name) })).toBeVisible();
  await expect(page.getByRole('row', { name: /Signed in/ })).toHaveCount(0);
});
