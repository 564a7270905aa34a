import { sveltekit } from '@sveltejs/kit/vite';
import { defineConfig } from 'vitest/config';

const server = process.env.OMNIOT_DEV_SERVER ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [sveltekit()],
  // `npm run dev` answers pages itself and hands the API to a running `omniot serve`.
  server: { fs: { allow: ['../shared/words'] }, proxy: { '/v1': server } },
  test: { include: ['src/**/*.test.ts'], environment: 'node' }
});
