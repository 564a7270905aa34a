import { expect, test } from '@playwright/test';
import { signIns } from './actors';
import { faults } from './looks';
import { Phone } from './phone';

let phone: Phone;
test.beforeAll(async ({ browser }) => {
  phone = await Phone.open(browser);
});
test.afterAll(async () => {
  await phone.close();
});

test('the platform operator works in the window too, without any account', async () => {
  const { page } = phone;
  await page.goto('/sign-in');
  await page.getByRole('link', { name: 'Operator console' }).click();
  await expect(page.getByLabel('Server')).toHaveValue(phone.way.origin);
  expect(await faults(page)).toEqual([]);
  await page.getByLabel('E-mail').fill(signIns.operator.email);
  await page.getByLabel('Password', { exact: true }).fill('not this one');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('alert')).toContainText('E-mail or password is not right');
  await page.getByLabel('Password', { exact: true }).fill(signIns.operator.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Tenants' })).toBeVisible();
  await expect(page.getByRole('link', { name: 'Northlift Elevators' })).toBeVisible();
  await page.getByRole('link', { name: 'Leave the console' }).click();
  await expect(page.getByRole('button', { name: 'Sign in' })).toBeVisible();
});

test('the session outlives the window, and ends here also where the server cannot be told', async () => {
  const { page } = phone;
  await phone.kill();
  phone.start();
  await page.goto('/operator/tenants');
  await expect(page.getByRole('heading', { level: 1, name: 'Tenants' })).toBeVisible();
  phone.way.cut();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await expect(page.getByRole('heading', { name: 'Operator sign-in' })).toBeVisible();
  phone.way.restore();
  await page.goto('/operator/tenants');
  await expect(page.getByRole('heading', { name: 'Operator sign-in' })).toBeVisible();
});
