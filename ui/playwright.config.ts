import { defineConfig } from '@playwright/test';

/** Runs beside a seeded server; `scripts/platform` starts one and says where it is. */
export default defineConfig({
  testDir: 'e2e',
  outputDir: '../tests/output/browser',
  workers: 1,
  timeout: 120_000,
  expect: { timeout: 20_000 },
  reporter: [['list']],
  forbidOnly: !!process.env.CI,
  // On a machine that does much else: once more, and it is named as flaky.
  retries: process.env.CI ? 1 : 0,
  use: {
    // What cannot be clicked by then never can.
    actionTimeout: 45_000,
    baseURL: process.env.OMNIOT_E2E_URL ?? 'http://127.0.0.1:8080',
    locale: 'en-GB',
    timezoneId: 'Europe/Vienna',
    viewport: { width: 1280, height: 800 },
    screenshot: 'only-on-failure',
    launchOptions: {
      executablePath: process.env.OMNIOT_CHROMIUM ?? '/usr/bin/chromium-headless-shell',
      args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']
    }
  }
});
