import { expect, test } from '@playwright/test';
import { signIn } from './actors';
import { faults } from './looks';

test('an admin says for how long devices may be read without a contact', async ({ page }) => {
  await signIn(page, 'admin', 'verdant');
  await page.getByRole('link', { name: 'Organization', exact: true }).first().click();
  const days = page.getByLabel('Days without contact');
  await expect(days).toHaveValue('14');
  await expect(page.getByRole('button', { name: 'Save' })).toBeDisabled();
  await days.fill('400');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('alert')).toContainText('1 to 90 days');
  expect(await faults(page)).toEqual([]);
  await page.screenshot({ path: '../tests/output/browser/organization.png' });
  await days.fill('21');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('status').getByText('Saved.')).toBeVisible();
  await page.reload();
  await expect(days).toHaveValue('21');
  await page.goto('/audit');
  await expect(page.getByText('Settings of the organization changed').filter({ visible: true }).first()).toBeVisible();
  await page.goto('/organization');
  await days.fill('14');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('button', { name: 'Save' })).toBeDisabled();
});

test('who does not run the organization finds no way there', async ({ page }) => {
  await signIn(page, 'viewer', 'verdant');
  await expect(page.getByRole('link', { name: 'Organization', exact: true })).toHaveCount(0);
});
