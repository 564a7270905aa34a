import { t } from '$lib/i18n/index.svelte';

/** What became of the work of somebody who left (`GET /app/accounts`). */
export interface Farewell {
  handed: number;
  lost: number;
  waiting: number;
}

/** What somebody reads whose membership ended, in sentences. */
export function farewellWords(tenant: string, farewell: Farewell): string[] {
  const words = [t('account-ended', { tenant })];
  if (farewell.waiting > 0) words.push(t('account-ended-waiting', { count: farewell.waiting }));
  if (farewell.handed > 0) words.push(t('account-ended-handed', { count: farewell.handed }));
  if (farewell.lost > 0) words.push(t('account-ended-lost', { count: farewell.lost }));
  return words;
}
