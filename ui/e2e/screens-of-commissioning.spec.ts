import { expect, test } from '@playwright/test';
import { faultsIn, LOOKS } from './looks';
import { claimCode, label, Phone, secret, toDevices } from './phone';

test.setTimeout(300_000);

const DEVICE = 'OM-N0003';

for (const { locale, looks } of LOOKS) {
  test(`each screen of the flow can be read, light and dark, on a phone and a desktop: ${locale}`, async ({ browser }, info) => {
    await toDevices(DEVICE, 'factory_reset');
    await toDevices(DEVICE, 'faults', { faults: { offline: true } });
    const phone = await Phone.open(browser, looks[0]);
    const { page } = phone;
    const found: string[] = [];
    let shown = 0;

    /** Axe finds nothing and nothing is wider than the screen; the picture lies in the test's output. */
    async function lookAt(screen: string) {
      await expect(page.locator('.skeleton')).toHaveCount(0);
      shown += 1;
      const picture = (width: number) => info.outputPath(`${String(shown).padStart(2, '0')}-${screen}-${width}.png`);
      const keep = async ({ width }: { width: number }) => {
        await page.evaluate(() => window.scrollTo(0, 0));
        await page.screenshot({ path: picture(width), fullPage: true });
      };
      found.push(...(await faultsIn(page, looks, screen, keep)));
    }

    const card = page.getByTestId('commission');
    const ended = page.getByTestId('ended');
    const reached = (state: string) => expect(card).toHaveAttribute('data-state', state, { timeout: 60_000 });
    const send = () => page.locator('main form button[type=submit]').click();
    const device = page.getByTestId(`nearby-${DEVICE}`);

    await phone.signIn();
    await page.goto('/commission');
    await phone.speak(locale);
    await expect(page.getByRole('combobox')).toBeVisible();
    await lookAt('where');
    await page.getByRole('combobox').click();
    await expect(page.getByRole('option').first()).toBeVisible();
    await lookAt('where-open');
    await page.getByRole('combobox').fill('qqq');
    await expect(page.locator('.combobox-item.quiet')).toBeVisible();
    await lookAt('where-none');
    await page.getByRole('combobox').fill('');
    await page.locator('.combobox-item:not(.quiet)').first().click();
    await expect(device).toBeVisible({ timeout: 20_000 });
    await lookAt('pick');
    await page.locator('input[name=label]').fill('not a label');
    await send();
    await expect(page.locator('input[name=label]')).toHaveAttribute('aria-invalid', 'true');
    await lookAt('label-wrong');
    await page.locator('input[name=label]').fill(claimCode(DEVICE));
    await send();
    await expect(page.locator('input[name=device_name], .range').first()).toBeVisible();
    await lookAt('label-code');
    await page.locator('.range ~ .row button').last().click();
    await page.locator('input[name=label]').fill(label(DEVICE));
    await send();
    await expect(page.locator('.range ~ .row button')).toHaveCount(2);
    await lookAt('label-found');
    await page.locator('.range ~ .row button').last().click();
    await device.getByRole('button').click();
    await reached('needs_pop');
    await lookAt('secret');
    await page.locator('input[name=pop]').fill('wrong');
    await send();
    await expect(page.getByRole('alert').first()).not.toBeEmpty();
    await reached('needs_pop');
    await lookAt('secret-wrong');
    await page.locator('input[name=pop]').fill(secret(DEVICE));
    await send();
    await reached('needs_confirm');
    await lookAt('blink');
    await card.locator('.ask button').last().click();
    await lookAt('blink-doubt');
    await card.locator('.ask button').first().click();
    await reached('needs_confirm');
    await card.locator('.ask button').first().click();
    await reached('needs_network');
    await lookAt('network');
    await page.locator('main header button').first().click();
    await expect(page.getByRole('dialog')).toBeVisible();
    await lookAt('stop');
    await page.keyboard.press('Escape');
    await page.locator('input[name=network]').last().check();
    await page.locator('input[name=ssid]').fill('Cellar');
    await page.locator('input[name=passphrase]').fill('down the stairs');
    await send();
    await expect(page.getByTestId('failure')).toBeVisible({ timeout: 60_000 });
    await lookAt('network-not-found');
    await toDevices(DEVICE, 'faults', { faults: { offline: true, false_success: 'truncated' } });
    await page.locator('[data-ssid=Plant-Floor] input').check();
    await page.locator('input[name=passphrase]').fill('press-on-2026');
    await send();
    await reached('failed');
    await lookAt('failed');
    await ended.locator('.row button').last().click();
    await expect(card).toHaveCount(0);
    await toDevices(DEVICE, 'factory_reset');
    await toDevices(DEVICE, 'faults', { faults: { offline: true } });
    await page.locator('input[name=label]').fill(label(DEVICE));
    await send();
    await page.locator('.range ~ .row button').first().click();
    await reached('needs_network');
    await page.locator('[data-ssid=Plant-Floor] input').check();
    await page.locator('input[name=passphrase]').fill('press-on-2026');
    await send();
    await expect(card.locator('form')).toHaveCount(0);
    await lookAt('working');
    await expect(ended).toBeVisible({ timeout: 60_000 });
    await reached('running');
    await lookAt('joined');
    await ended.locator('.row button').first().click();
    await expect(card).toHaveCount(0);
    await lookAt('next');
    await page.getByTestId('nearby-OM-V0002').getByRole('button').click();
    await reached('needs_pop');
    await page.locator('input[name=pop]').fill(secret('OM-V0002'));
    await send();
    await reached('needs_confirm');
    await card.locator('.ask button').first().click();
    await reached('failed');
    await lookAt('refused');
    await ended.locator('.row button').first().click();
    await expect(page.getByRole('dialog')).toBeVisible();
    await lookAt('release');
    await page.keyboard.press('Escape');
    await ended.locator('.row button').last().click();
    await expect(card).toHaveCount(0);
    await toDevices(DEVICE, 'factory_reset');
    expect(found).toEqual([]);
    await phone.close();
  });
}
