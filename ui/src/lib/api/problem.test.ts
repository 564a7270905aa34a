import { describe, expect, it } from 'vitest';
import { asProblem, Problem, problemOf } from './problem';
import { worthRetrying } from './lists.svelte';

describe('a problem', () => {
  it('carries code, field and the time to wait', () => {
    const problem = problemOf(429, { error: { code: 'throttled', detail: 'slow down', field: 'email' } }, '12');
    expect([problem.code, problem.status, problem.field, problem.retryAfter]).toEqual(['throttled', 429, 'email', 12]);
  });

  it('of an answer that is not ours is called unreadable', () => {
    for (const body of ['<html>Welcome to the hotel</html>', null, {}, { error: 'no' }, { error: { code: 7 } }]) expect(problemOf(200, body).code).toBe('unreadable');
  });

  it('without an answer is called offline', () => {
    expect(asProblem(new TypeError('Failed to fetch')).code).toBe('offline');
    expect(asProblem(new SyntaxError('Unexpected token <')).code).toBe('unreadable');
  });

  it('is tried again only where that can help', () => {
    expect(worthRetrying(0, new Problem('offline', 0, ''))).toBe(true);
    expect(worthRetrying(2, new Problem('offline', 0, ''))).toBe(false);
    expect(worthRetrying(0, new Problem('not_allowed', 403, ''))).toBe(false);
    expect(worthRetrying(0, new Problem('internal', 500, ''))).toBe(false);
  });
});
