import { expect, type Page, test } from '@playwright/test';
import { person, signIn, somebody } from './actors';
import { faultsIn, put } from './looks';

const PHONE = { width: 360, height: 740, scheme: 'dark' } as const;
const DESKTOP = { width: 1280, height: 800, scheme: 'light' } as const;

/** The names of the sites that somebody sees. */
async function sites(page: Page): Promise<string[]> {
  await page.goto('/sites');
  await expect(page.getByRole('heading', { level: 1, name: 'Sites' })).toBeVisible();
  await expect(page.locator('.skeleton')).toHaveCount(0);
  return (await page.locator('main a[data-row]').allTextContents()).map((name) => name.trim());
}

/** Lets the technician work at what is chosen in the dialog. */
async function choose(page: Page, choice: (dialog: ReturnType<Page['getByRole']>) => Promise<unknown>): Promise<void> {
  await page.goto('/people');
  await page.getByRole('button', { name: `Actions for ${person('technician', 'verdant').name}` }).click();
  await page.getByRole('menuitem', { name: 'Sites…' }).click();
  const dialog = page.getByRole('dialog');
  await choice(dialog);
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(dialog).toHaveCount(0);
}

test('a technician sees the sites of a group while they are in it', async ({ page, browser }) => {
  await signIn(page, 'owner', 'verdant');
  const [first = '', second = ''] = await sites(page);
  expect(second, 'the demo has two sites').not.toBe('');
  const technician = await somebody(browser);
  await signIn(technician, 'technician', 'verdant');

  await page.getByRole('link', { name: 'People' }).click();
  await page.getByRole('link', { name: 'Site groups' }).click();
  await expect(page.getByText('No site groups yet')).toBeVisible();
  const add = async (name: string, site: string) => {
    await page.getByRole('button', { name: 'Add site group' }).first().click();
    await page.getByRole('dialog').getByLabel('Name').fill(name);
    await page.getByRole('dialog').getByRole('searchbox').fill(site);
    await page.getByRole('dialog').getByRole('searchbox').press('Enter');
    await expect(page.getByRole('dialog').getByRole('checkbox'), 'only what was looked for').toHaveCount(1);
    await page.getByRole('dialog').getByRole('checkbox', { name: site }).check();
    await page.getByRole('dialog').getByRole('button', { name: 'Add site group' }).click();
  };
  await add('Küste', first);
  const row = page.getByRole('row', { name: /Küste/ });
  await expect(row).toContainText('One site');
  await expect(row).toContainText('Nobody');
  await add('KUSTE', second);
  await expect(page.getByRole('dialog').getByText('This name is already in use')).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toHaveCount(0);

  await choose(page, async (dialog) => {
    await dialog.getByLabel('Works', { exact: true }).selectOption('some');
    await dialog.getByRole('checkbox', { name: 'Küste' }).check();
    await expect(dialog.getByText('the sites of the groups are seen')).toBeVisible();
    expect(await faultsIn(page, [PHONE, DESKTOP], 'where a person works', (look) => page.screenshot({ path: `../tests/output/person-groups-${look.width}-${look.scheme}.png` }))).toEqual([]);
  });
  await expect(page.getByRole('row', { name: new RegExp(person('technician', 'verdant').name) })).toContainText('at chosen sites: Küste');
  expect(await sites(technician)).toEqual([first]);

  // Another site takes the place of the first.
  await page.goto('/people/groups');
  await page.getByRole('button', { name: 'Edit Küste' }).click();
  const edit = page.getByRole('dialog', { name: 'Edit site group' });
  await expect(edit).toContainText('One person works at the sites of this group');
  await edit.getByRole('checkbox', { name: first }).uncheck();
  await edit.getByRole('checkbox', { name: second }).check();
  expect(await faultsIn(page, [PHONE, DESKTOP], 'a group', (look) => page.screenshot({ path: `../tests/output/group-edit-${look.width}-${look.scheme}.png` }))).toEqual([]);
  await edit.getByRole('button', { name: 'Save' }).click();
  await expect(edit).toHaveCount(0);
  expect(await sites(technician)).toEqual([second]);

  // With the keyboard alone, and not before it is said what it takes.
  await page.getByRole('button', { name: 'Delete Küste' }).focus();
  await page.keyboard.press('Enter');
  const question = page.getByRole('dialog', { name: 'Delete Küste?' });
  await expect(question).toContainText('One person loses sight of one site');
  expect(await faultsIn(page, [PHONE, DESKTOP], 'a question', (look) => page.screenshot({ path: `../tests/output/group-delete-${look.width}-${look.scheme}.png` }))).toEqual([]);
  await page.keyboard.press('Escape');
  await expect(page.getByRole('button', { name: 'Delete Küste' }), 'nothing happened, and focus is where it was').toBeFocused();
  for (const look of [PHONE, DESKTOP]) {
    await put(page, look);
    await page.screenshot({ path: `../tests/output/groups-${look.width}-${look.scheme}.png` });
  }
  await page.keyboard.press('Enter');
  await question.getByRole('button', { name: 'Delete group' }).click();
  await expect(page.getByText('No site groups yet')).toBeVisible();
  expect(await sites(technician)).toEqual([]);

  await choose(page, (dialog) => dialog.getByLabel('Works', { exact: true }).selectOption('all'));
  expect((await sites(technician)).sort()).toEqual([first, second].sort());
  await technician.context().close();
});

test('what somebody else changed meanwhile is not overwritten', async ({ page }) => {
  await signIn(page, 'owner', 'verdant');
  const [site = ''] = await sites(page);
  await page.goto('/people/groups');
  await page.getByRole('button', { name: 'Add site group' }).first().click();
  await page.getByRole('dialog').getByLabel('Name').fill('Hills');
  await page.getByRole('dialog').getByRole('button', { name: 'Add site group' }).click();
  await page.getByRole('button', { name: 'Edit Hills' }).click();
  const edit = page.getByRole('dialog', { name: 'Edit site group' });
  await edit.getByLabel('Name').fill('Valleys');

  const other = await page.context().newPage();
  await other.goto('/people/groups');
  await other.getByRole('button', { name: 'Edit Hills' }).click();
  await other.getByRole('dialog').getByRole('checkbox', { name: site }).check();
  await other.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
  await expect(other.getByRole('row', { name: /Hills/ })).toContainText('One site');
  await other.close();

  await edit.getByRole('button', { name: 'Save' }).click();
  await expect(edit.getByRole('alert')).toContainText('Somebody changed this while you were editing');
  await edit.getByRole('button', { name: 'Cancel' }).click();
  await page.getByRole('button', { name: 'Edit Hills' }).click();
  await expect(edit.getByRole('checkbox', { name: site }), 'it is as it stands now').toBeChecked();
  await edit.getByLabel('Name').fill('Valleys');
  await edit.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('row', { name: /Valleys/ })).toContainText('One site');
  await page.getByRole('button', { name: 'Delete Valleys' }).click();
  await expect(page.getByRole('dialog')).toContainText('Nobody loses sight of anything');
  await page.getByRole('dialog').getByRole('button', { name: 'Delete group' }).click();
  await expect(page.getByRole('row', { name: /Valleys/ })).toHaveCount(0);
});
