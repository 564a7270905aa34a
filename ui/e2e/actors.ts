import { readFileSync } from 'node:fs';
import { type Browser, expect, type Page } from '@playwright/test';

export type RoleName = 'owner' | 'admin' | 'operator' | 'viewer' | 'technician';
interface SignIn {
  role: RoleName;
  name: string;
  email: string;
  password: string;
}
interface SignIns {
  operator: { name: string; email: string; password: string };
  tenants: { name: string; display_name: string; people: SignIn[] }[];
}

/** The sign-ins of the seeded server. */
export const signIns = JSON.parse(readFileSync(process.env.OMNIOT_E2E_SIGNINS ?? 'signins.json', 'utf8')) as SignIns;

/** One of the demo's tenants. */
export function tenant(name: string) {
  const found = signIns.tenants.find((one) => one.name === name);
  if (!found) throw new Error(`the demo has no tenant ${name}`);
  return found;
}

/** How the person of that role signs in. */
export function person(role: RoleName, of = 'northlift'): SignIn {
  const found = tenant(of).people.find((one) => one.role === role);
  if (!found) throw new Error(`${of} has no ${role}`);
  return found;
}

/** Signs in through the page, as a person would. */
export async function signIn(page: Page, role: RoleName, of = 'northlift'): Promise<void> {
  const who = person(role, of);
  await page.goto(`/sign-in?tenant=${of}`);
  await page.getByLabel('E-mail').fill(who.email);
  await page.getByLabel('Password', { exact: true }).fill(who.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Devices' })).toBeVisible();
}

/** Signs the platform operator in. */
export async function signInOperator(page: Page): Promise<void> {
  await page.goto('/operator/sign-in');
  await page.getByLabel('E-mail').fill(signIns.operator.email);
  await page.getByLabel('Password', { exact: true }).fill(signIns.operator.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Tenants' })).toBeVisible();
}

/** A page of its own, with its own cookies. */
export async function somebody(browser: Browser): Promise<Page> {
  return (await browser.newContext()).newPage();
}

/** A name that no other test and no earlier run uses. */
export function fresh(word: string): string {
  return `${word} ${Date.now().toString(36)}${Math.floor(Math.random() * 1e4)}`;
}

/** The link in the mail that invites `email` to Northlift, read as the operator would. */
export async function invitationLink(browser: Browser, email: string): Promise<string> {
  const operator = await somebody(browser);
  await signInOperator(operator);
  await operator.getByRole('link', { name: 'Mail' }).click();
  await operator.getByRole('searchbox', { name: 'Search tenants' }).fill('northl');
  await operator.getByRole('combobox', { name: 'Tenant' }).selectOption({ label: 'Northlift Elevators' });
  const letter = operator.getByRole('region').filter({ hasText: email });
  const link = await letter.getByRole('link').first().getAttribute('href');
  await operator.context().close();
  expect(link).toMatch(/\/invitation#token=omi_/);
  return link ?? '';
}
