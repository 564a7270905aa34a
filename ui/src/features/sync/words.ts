import { dayClock } from '$lib/i18n/formats';
import { regional, t, tOr } from '$lib/i18n/index.svelte';
import type { Attention, Sync } from './sync';

/** How synchronization stands, in words. */
export function stateWords(state: string): string {
  return tOr(`sync-state-${state.replaceAll('_', '-')}`, 'state-unknown');
}

/** Why it does not get on, and what to do about it. */
export function errorWords(error: { code: string; detail: string | null }): string {
  return tOr(`sync-error-${error.code.replaceAll('_', '-')}`, 'sync-error-other', { code: error.code });
}

/** What is lost with the record of an attempt that is discarded. */
export function evidenceWords({ photos = 0, answers = 0 }: Pick<Attention, 'photos' | 'answers'>): string {
  const more = [photos > 0 && t('attention-evidence-photos', { count: photos }), answers > 0 && t('attention-evidence-answers', { count: answers })];
  return [t('attention-evidence-text'), ...more].filter(Boolean).join(' ');
}

/** Whether mobile data is saved now, and why. */
export function dataWords({ save_data, metered }: Pick<Sync, 'save_data' | 'metered'>): string {
  if (save_data === 'on') return t('save-data-saving');
  if (save_data === 'off') return t(metered ? 'save-data-off-metered' : 'save-data-not-saving');
  return metered ? t('save-data-metered') : metered === false ? t('save-data-unmetered') : t('save-data-unknown');
}

/** Whether what is shown is as fresh as it can be. */
export function isCalm(sync: Sync): boolean {
  return sync.state === 'synced' || sync.state === 'syncing';
}

/** Everything at a glance: how fresh, what waits, what needs somebody. */
export function syncWords(sync: Sync, now: number): string[] {
  return [freshness(sync, now), ...counts(sync)];
}

/** The same where there is room for a few words only: the most pressing of it. */
export function shortWords(sync: Sync, now: number): string {
  const files = waitingFiles(sync);
  const pressing = sync.attention > 0 ? [t('sync-short-attention', { count: sync.attention })] : sync.pending > 0 ? [t('sync-pending', { count: sync.pending })] : files > 0 ? [t('sync-files', { count: files })] : [];
  if (!isCalm(sync)) return [stateWords(sync.state), ...pressing].join(' · ');
  return pressing[0] ?? freshness(sync, now);
}

/** What is worth saying aloud; that a minute has passed is not. */
export function spokenWords(sync: Sync): string {
  return [isCalm(sync) ? t('sync-state-synced') : stateWords(sync.state), ...counts(sync)].join(' · ');
}

function freshness(sync: Sync, now: number): string {
  const state = stateWords(sync.state);
  if (sync.synced_at === null) return isCalm(sync) ? state : t('sync-state-never', { state });
  const time = dayClock(sync.synced_at, now, regional());
  return isCalm(sync) ? t('sync-synced-to', { time }) : t('sync-state-synced-to', { state, time });
}

/** Photos, and what was checked, on their way to the server. */
export const waitingFiles = ({ evidence = 0, evidence_refused = 0 }: Pick<Sync, 'evidence' | 'evidence_refused'>): number => Math.max(0, evidence - evidence_refused);

function counts(sync: Sync): string[] {
  const parts: string[] = [];
  if (sync.pending > 0) parts.push(t('sync-pending', { count: sync.pending }));
  if (waitingFiles(sync) > 0) parts.push(t('sync-files', { count: waitingFiles(sync) }));
  if (sync.attention > 0) parts.push(t('sync-attention', { count: sync.attention }));
  return parts;
}
