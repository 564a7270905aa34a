import { tOr } from '$lib/i18n/index.svelte';

/** Why something failed, in plain words. */
export function causeWords(cause: string): string {
  return tOr(`cause-${cause.replaceAll('_', '-')}`, 'cause-unknown', { cause });
}

/** What to do about it. */
export function nextAction(cause: string): string {
  return tOr(`next-${cause.replaceAll('_', '-')}`, 'next-unknown');
}

/** What a step does. */
export function stepWords(step: string): string {
  return tOr(`step-${step.replaceAll('_', '-')}`, 'step-unknown', { step });
}

/** What is not as it should be although the work goes on. */
export function warningWords(warning: string): string {
  return tOr(`warning-${warning.replaceAll('_', '-')}`, 'warning-other', { warning });
}
