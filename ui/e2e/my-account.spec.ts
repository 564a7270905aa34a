import { expect, type Page, test } from '@playwright/test';
import { person, signIn } from './actors';

const OTHER = 'eleven quiet lanterns';
const who = person('viewer', 'verdant');

async function change(page: Page, current: string, next: string) {
  await page.getByLabel('Current password').fill(current);
  await page.getByLabel('New password').fill(next);
  await page.getByRole('button', { name: 'Change password' }).click();
}

test('a person changes the own name, and sees it at once', async ({ page }) => {
  await signIn(page, 'viewer', 'verdant');
  await page.goto('/sessions');
  const name = page.getByLabel('Name', { exact: true });
  await expect(name).toHaveValue(who.name);
  await name.fill('Vera Neu');
  await page.getByRole('link', { name: 'Sites' }).first().click();
  await page.getByRole('dialog', { name: 'Leave without saving?' }).getByRole('button', { name: 'Cancel' }).click();
  await page.getByRole('button', { name: 'Save name' }).click();
  await expect(page.getByRole('button', { name: 'You: Vera Neu' })).toBeVisible();
  await name.fill(who.name);
  await page.getByRole('button', { name: 'Save name' }).click();
  await expect(page.getByRole('button', { name: `You: ${who.name}` })).toBeVisible();
  await page.getByRole('link', { name: 'Sites' }).first().click();
  await expect(page.getByRole('heading', { level: 1, name: 'Sites' }), 'what is saved is not asked about').toBeVisible();
});

test('a person changes the own password with the one of now, and is signed out everywhere else', async ({ page, browser }) => {
  await signIn(page, 'viewer', 'verdant');
  const other = await (await browser.newContext()).newPage();
  await signIn(other, 'viewer', 'verdant');
  await page.goto('/sessions');
  await change(page, 'not this one', OTHER);
  await expect(page.getByText('This is not your current password')).toBeVisible();
  await expect(page.getByLabel('Current password')).toBeFocused();
  await change(page, who.password, 'short');
  await expect(page.getByText(/Please check this/)).toBeVisible();
  await expect(page.getByLabel('New password')).toBeFocused();
  await change(page, who.password, OTHER);
  await expect(page.getByText('Your password is changed')).toBeVisible();
  await other.reload();
  await expect(other.getByRole('button', { name: 'Sign in' })).toBeVisible();
  await change(page, OTHER, who.password);
  await expect(page.getByText('Your password is changed').first()).toBeVisible();
  await expect(page.getByLabel('Current password')).toHaveValue('');
  await signIn(other, 'viewer', 'verdant');
  await other.context().close();
});
