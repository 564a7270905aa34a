// What staff see in Chromium at the end of the story; started by tests/journeys/browser.rs with the story as JSON.
import assert from 'node:assert/strict';
import { launch, newPage, operatorSignIn, signIn } from './chromium.mjs';

const { origin, online, owner, stranger, operator, pictures } = JSON.parse(process.argv[2]);
const browser = await launch();
try {
  const staff = await newPage(browser);
  await signIn(staff, origin, owner);
  for (const serial of online) {
    const row = staff.locator('main li, main tr').filter({ hasText: serial }).first();
    await row.waitFor();
    assert.match(await row.innerText(), /Online/, `${serial} is online for staff`);
  }
  // Some of the demo's devices have been online since yesterday.
  const all = await staff.locator('main li, main tr').filter({ hasText: 'Online' }).count();
  assert.ok(all >= online.length, `${all} devices are online`);
  await staff.screenshot({ path: `${pictures}-staff.png` });

  const other = await newPage(browser);
  await signIn(other, origin, stranger);
  await other.locator('main li, main tr').first().waitFor();
  const seen = await other.locator('main').innerText();
  for (const serial of online) assert.ok(!seen.includes(serial), `the other tenant sees ${serial}`);
  await other.screenshot({ path: `${pictures}-other-tenant.png` });

  const console_ = await newPage(browser);
  await operatorSignIn(console_, origin, operator);
  const tenant = console_.locator('main li, main tr').filter({ hasText: owner.tenant }).first();
  await tenant.waitFor();
  assert.match(await tenant.innerText(), new RegExp(`\\b${all}\\b`), 'the operator sees how many are online');
  await console_.screenshot({ path: `${pictures}-operator.png` });
} finally {
  await browser.close();
}
