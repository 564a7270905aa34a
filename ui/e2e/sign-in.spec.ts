import { expect, test } from '@playwright/test';
import { fresh, person, signIn, tenant } from './actors';

test('the brand of a tenant shows as soon as its short name is typed', async ({ page }) => {
  await page.goto('/sign-in');
  const accent = () => page.evaluate(() => getComputedStyle(document.documentElement).getPropertyValue('--accent').trim());
  const before = await accent();
  await page.getByLabel('Organization').fill('verdant');
  await expect(page.getByText(`to ${tenant('verdant').display_name}`)).toBeVisible();
  expect(await accent()).not.toBe(before);
});

test('a wrong password is told in words, and the right one leads to where one wanted to go', async ({ page }) => {
  await page.goto('/sites');
  await expect(page).toHaveURL(/\/sign-in\?next=%2Fsites/);
  await page.getByLabel('Organization').fill('northlift');
  await page.getByLabel('E-mail').fill(person('viewer').email);
  await page.getByLabel('Password', { exact: true }).fill('not this one');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('alert')).toContainText('E-mail or password is not right');
  await page.getByLabel('Password', { exact: true }).fill(person('viewer').password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Sites' })).toBeVisible();
});

test('an organization that does not exist is told from a wrong password, and a missing network from both', async ({ page, context }) => {
  await page.goto('/sign-in');
  await page.getByLabel('Organization').fill('northlyft');
  await expect(page.getByText('There is no organization “northlyft” on this server')).toBeVisible();
  await page.getByLabel('E-mail').fill(person('viewer').email);
  await page.getByLabel('Password', { exact: true }).fill('not this one');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('alert')).toContainText('This server has no organization of that short name');
  await expect(page.getByLabel('Organization'), 'one goes on where it was wrong').toBeFocused();
  await context.setOffline(true);
  await page.getByLabel('Organization').fill('northlift');
  await expect(page.getByText('There is no connection to the server')).toBeVisible();
  await expect(page.getByText('There is no organization')).toHaveCount(0);
});

test('at the address of an organization nobody is asked which one', async ({ page, baseURL }) => {
  const own = new URL('/sign-in', baseURL);
  own.hostname = 'verdant.localhost';
  await page.goto(own.href);
  await expect(page.getByText(`to ${tenant('verdant').display_name}`)).toBeVisible();
  await expect(page.getByLabel('Organization')).toHaveCount(0);
  const who = person('viewer', 'verdant');
  await page.getByLabel('E-mail').fill(who.email);
  await page.getByLabel('Password', { exact: true }).fill(who.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Devices' })).toBeVisible();
  await expect(page.getByRole('link', { name: tenant('verdant').display_name })).toBeVisible();
});

test('after signing out, the pages are closed', async ({ page }) => {
  await signIn(page, 'viewer');
  await page.getByRole('button', { name: /^You:/ }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await expect(page.getByRole('button', { name: 'Sign in' })).toBeVisible();
  await page.goto('/devices');
  await expect(page).toHaveURL(/\/sign-in/);
});

test('without a network nobody is told that they signed out', async ({ page, context }) => {
  await signIn(page, 'viewer');
  await context.setOffline(true);
  await page.getByRole('button', { name: /^You:/ }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  const dialog = page.getByRole('dialog', { name: 'You are still signed in' });
  await expect(dialog.getByRole('alert')).toContainText('There is no connection');
  await context.setOffline(false);
  await dialog.getByRole('button', { name: 'Try again' }).click();
  await expect(page).toHaveURL(/\/sign-in/);
  await page.goto('/devices');
  await expect(page).toHaveURL(/\/sign-in/);
});

test('the session cookie is out of the reach of scripts', async ({ page, context }) => {
  await signIn(page, 'viewer');
  const cookie = (await context.cookies()).find(({ name }) => name === 'omniot_session');
  expect(cookie?.httpOnly).toBe(true);
  expect(await page.evaluate(() => document.cookie + JSON.stringify(localStorage))).not.toContain('omt_');
});

test('a session that is ended elsewhere leads to sign-in, and says so', async ({ page, browser }) => {
  await signIn(page, 'operator');
  const other = await (await browser.newContext()).newPage();
  await signIn(other, 'operator');
  await other.goto('/sessions');
  const ends = other.getByRole('main').getByRole('button', { name: /^End session: / });
  await expect(ends.first()).toBeVisible();
  for (let left = await ends.count(); left > 0; left -= 1) {
    await ends.first().click();
    const question = other.getByRole('dialog', { name: 'End this session?' });
    await question.getByRole('button', { name: 'Cancel' }).click();
    await expect(ends, 'nothing ends unasked').toHaveCount(left);
    await ends.first().click();
    await question.getByRole('button', { name: 'End session' }).click();
    await expect(ends).toHaveCount(left - 1);
  }
  await page.getByRole('link', { name: 'Sites' }).first().click();
  await expect(page.getByText('Your session has ended')).toBeVisible();
  await other.context().close();
});

test('what is being typed when the session ends is not lost, and can be saved after signing in elsewhere', async ({ page, context }) => {
  const name = fresh('Late yard');
  await signIn(page, 'operator');
  await page.goto('/sites');
  await page.getByRole('button', { name: 'Add site' }).first().click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill(name);
  await context.clearCookies();
  await expect(page.getByText('Your session has ended').first()).toBeAttached({ timeout: 80_000 });
  await expect(dialog.getByLabel('Name')).toHaveValue(name);
  const other = await context.newPage();
  await signIn(other, 'operator');
  await other.close();
  await dialog.getByRole('button', { name: 'Add site' }).click();
  await expect(page.getByText(name).first()).toBeVisible();
});

test('who forgets the password gets the same answer, account or not', async ({ page }) => {
  for (const email of ['nobody@northlift.example', person('viewer').email]) {
    await page.goto('/forgot-password?tenant=northlift');
    await page.getByLabel('E-mail').fill(email);
    await page.getByRole('button', { name: 'Send the link' }).click();
    await expect(page.getByRole('alert')).toContainText(`If there is an account for ${email}`);
  }
});
