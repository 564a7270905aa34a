import { readFileSync } from 'node:fs';
import openapi, { astToString } from 'openapi-typescript';
import { expect, it } from 'vitest';

it('the typed client is made from the API description as it is; else run `npm run api`', async () => {
  const description = new URL('../../../../backend/openapi.json', import.meta.url);
  const fresh = astToString(await openapi(description));
  const kept = readFileSync(new URL('schema.ts', import.meta.url), 'utf8');
  expect(kept.endsWith(fresh)).toBe(true);
});
