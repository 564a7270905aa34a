import { browser } from '$app/environment';

const EVERY_MS = 15_000;
let present = $state(Date.now());
if (browser) setInterval(() => (present = Date.now()), EVERY_MS);

/** The present, moving on often enough for words such as "2 minutes ago". */
export function now(): number {
  return present;
}
