import { expect, test } from '@playwright/test';
import { fresh, signIn, signInOperator, somebody } from './actors';

test('a tenant is made from a template, and its owner is invited', async ({ page }) => {
  const short = fresh('t').replace(' ', '-');
  await signInOperator(page);
  await page.getByRole('link', { name: 'New tenant' }).click();
  await page.getByLabel('Name', { exact: true }).fill(`Tenant ${short}`);
  await page.getByLabel('Short name').fill(short);
  await page.getByRole('link', { name: 'Cancel' }).click();
  await page.getByRole('dialog', { name: 'Leave without saving?' }).getByRole('button', { name: 'Cancel' }).click();
  await page.getByLabel('Template').selectOption({ index: 1 });
  await page.getByLabel("Owner's e-mail").fill(`owner@${short}.example`);
  await page.getByRole('button', { name: 'Create tenant' }).click();
  await expect(page.getByRole('heading', { level: 1, name: `Tenant ${short}` })).toBeVisible();
  await page.getByRole('link', { name: 'Mail of this tenant' }).click();
  await expect(page.getByText(`owner@${short}.example`).first()).toBeVisible();
});

test('a suspended tenant is refused at once, with its reason in words, and nobody else notices', async ({ page, browser }) => {
  const staff = await somebody(browser);
  await signIn(staff, 'viewer', 'verdant');
  const neighbour = await somebody(browser);
  await signIn(neighbour, 'viewer', 'northlift');
  await signInOperator(page);
  await page.getByRole('searchbox').fill('verdant');
  await page.getByRole('link', { name: 'Verdant Cold Chain' }).click();
  await page.getByRole('button', { name: 'Suspend' }).click();
  await page.getByRole('dialog').getByLabel('Reason').fill('Invoice overdue');
  await page.goBack();
  await page.getByRole('dialog', { name: 'Leave without saving?' }).getByRole('button', { name: 'Cancel' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Suspend' }).click();
  await expect(page.getByText('Suspended', { exact: true })).toBeVisible();
  await staff.reload();
  await expect(staff.getByRole('alert')).toContainText('Your organization is suspended');
  await neighbour.reload();
  await expect(neighbour.getByRole('table', { name: 'Devices' })).toBeVisible();
  await page.getByRole('button', { name: 'Resume' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Resume' }).click();
  await expect(page.getByText('Active', { exact: true })).toBeVisible();
  await staff.getByRole('button', { name: 'Try again' }).click();
  await expect(staff.getByRole('table', { name: 'Devices' })).toBeVisible();
  await staff.context().close();
  await neighbour.context().close();
});

test('without a network the operator is not told that they signed out', async ({ page, context }) => {
  await signInOperator(page);
  await context.setOffline(true);
  await page.getByRole('button', { name: 'Sign out' }).click();
  const dialog = page.getByRole('dialog', { name: 'You are still signed in' });
  await expect(dialog.getByRole('alert')).toContainText('There is no connection');
  await context.setOffline(false);
  await dialog.getByRole('button', { name: 'Try again' }).click();
  await expect(page.getByRole('heading', { name: 'Operator sign-in' })).toBeVisible();
});

test("a person's session opens no page of the operator", async ({ page }) => {
  await signIn(page, 'owner');
  await page.goto('/operator/tenants');
  await expect(page.getByRole('heading', { name: 'Operator sign-in' })).toBeVisible();
});
