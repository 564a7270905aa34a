import type { Checked } from '$lib/api';
import { number } from '$lib/i18n/formats';
import { regional, t } from '$lib/i18n/index.svelte';
import type { CheckCounts } from './checks';

/** What was found, in words. */
export function answerWords({ answer, required, unit }: Pick<Checked, 'answer' | 'required' | 'unit'>): string {
  switch (answer?.kind) {
    case 'done':
      return t('checks-done');
    case 'text':
      return answer.text;
    case 'number':
      return [number(answer.number, regional()), unit].filter(Boolean).join(' ');
    case 'photos':
      return t('checks-photo-count', { count: answer.sha256s.length });
    case 'not_applicable':
      return t('checks-aside-because', { reason: answer.reason });
    default:
      return t(required ? 'checks-missing' : 'checks-open');
  }
}

/** How far the checks of a device are: "2 of 3"; nothing where nothing is asked. */
export function countWords({ answered, total }: Pick<CheckCounts, 'answered' | 'total'>): string {
  return total > 0 ? t('checks-count', { answered, total }) : '';
}
