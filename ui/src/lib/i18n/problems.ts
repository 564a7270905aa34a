import { asProblem } from '$lib/api';
import { t, tOr } from './index.svelte';

/** A problem in words: what is wrong and what to do. */
export function problemWords(thrown: unknown): string {
  const problem = asProblem(thrown);
  const words = tOr(`error-${problem.code.replaceAll('_', '-')}`, 'error-unknown', { code: problem.code, detail: problem.detail });
  return problem.retryAfter === null ? words : `${words} ${t('error-retry-after', { seconds: problem.retryAfter })}`;
}
