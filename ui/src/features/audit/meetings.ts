import type { Party } from '$lib/api';
import { fieldWords } from '$lib/i18n/fields';
import { duration, moment } from '$lib/i18n/formats';
import { regional, t } from '$lib/i18n/index.svelte';
import { partyWords } from './words';

/** Where an edit met another one of the same field: who won, and why. */
export interface Meeting {
  field: string;
  won: boolean;
  why: string;
  other?: Party | null;
  other_at?: number | null;
}

/** What stands beside the names of fields in a change that came from somebody who was offline. */
interface Told {
  met?: Meeting[];
  made_at?: number;
  clock_skew_ms?: number;
  /** The clock was set between the change and a restart of its machine. */
  time_is_rough?: boolean;
}

/** The keys of a detail that have sentences of their own here. */
export const TOLD = ['met', 'made_at', 'clock_skew_ms', 'time_is_rough'];

/** When it was made, how wrong the clock was, and where it met others: one sentence each. */
export function circumstances(detail: unknown): string[] {
  const { met, made_at, clock_skew_ms, time_is_rough } = (typeof detail === 'object' ? (detail ?? {}) : {}) as Told;
  const lines: string[] = [];
  if (typeof made_at === 'number') lines.push(t('change-made-at', { at: moment(made_at, regional()) }));
  if (typeof clock_skew_ms === 'number') lines.push(t(clock_skew_ms > 0 ? 'change-clock-ahead' : 'change-clock-behind', { by: duration(Math.abs(clock_skew_ms), regional()) }));
  if (time_is_rough === true) lines.push(t('change-time-rough'));
  return [...lines, ...(Array.isArray(met) ? met.map(meetingWords) : [])];
}

/** Who won and why, in a sentence. */
export function meetingWords({ field, won, why, other, other_at }: Meeting): string {
  const facts = { field: fieldWords(field), who: other ? partyWords(other) : t('party-person'), at: typeof other_at === 'number' ? moment(other_at, regional()) : t('value-none') };
  if (why === 'both') return t('met-both', facts);
  if (won) return t(why === 'seen' ? 'met-won-seen' : 'met-won-newer', facts);
  if (why === 'newer') return t('met-lost-newer', facts);
  return t(why === 'first' ? 'met-lost-first' : 'met-lost-stands', facts);
}
