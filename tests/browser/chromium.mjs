// Debian's Chromium under Playwright's hands. Playwright comes with the UI's packages.
import { createRequire } from 'node:module';
import { existsSync } from 'node:fs';

const { chromium } = createRequire(new URL('../../ui/package.json', import.meta.url))('@playwright/test');
const places = [process.env.OMNIOT_CHROMIUM, '/usr/bin/chromium-headless-shell', '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

export async function launch() {
  const executablePath = places.find((place) => place && existsSync(place));
  if (!executablePath) throw new Error('Chromium is missing: run scripts/setup test');
  return chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']
  });
}

/** A page of its own, with nobody signed in. */
export async function newPage(browser, viewport = { width: 1280, height: 820 }) {
  const context = await browser.newContext({ viewport, locale: 'en-GB' });
  return context.newPage();
}

export async function signIn(page, origin, { tenant, email, password }) {
  await page.goto(`${origin}/sign-in`);
  await page.locator('[name=tenant]').fill(tenant);
  await page.locator('[name=email]').fill(email);
  await page.locator('[name=password]').fill(password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.waitForURL(`${origin}/devices`);
}

export async function operatorSignIn(page, origin, { email, password }) {
  await page.goto(`${origin}/operator/sign-in`);
  await page.locator('[name=email]').fill(email);
  await page.locator('[name=password]').fill(password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.waitForURL(`${origin}/operator/tenants`);
}
