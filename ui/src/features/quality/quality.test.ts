import { describe, expect, it } from 'vitest';
import type { Quality } from '$lib/api';
import { beginOf, filterOf, firstTryRate, listAddress, successRate } from './quality';

const group = (more: Partial<Quality>): Quality => ({ model_id: null, name: null, attempts: 0, succeeded: 0, failed: 0, cancelled: 0, interrupted: 0, median_ms: null, devices: 0, first_try: 0, causes: [], ...more });

describe('commissioning quality', () => {
  it('counts neither for nor against what was stopped, and says nothing of nothing', () => {
    expect(successRate(group({ succeeded: 3, failed: 1, cancelled: 9 }))).toBe(0.75);
    expect(successRate(group({ cancelled: 9 }))).toBeNull();
    expect(firstTryRate(group({ devices: 4, first_try: 1 }))).toBe(0.25);
    expect(firstTryRate(group({}))).toBeNull();
  });

  it('leads from a number to the attempts behind it', () => {
    const filter = { by: 'phone' as const, days: '30', site_id: 'site_1' };
    expect(listAddress(filter, 5, group({ name: 'android 14, Pixel 7' }), 'no_answer')).toBe('/attempts?site_id=site_1&from=5&phone=android+14%2C+Pixel+7&cause=no_answer');
    expect(listAddress({ ...filter, by: 'model', site_id: '' }, 5, group({ model_id: 'mod_1', name: 'Sensor' }))).toBe('/attempts?from=5&model_id=mod_1');
    expect(listAddress(filter, 5, null)).toBe('/attempts?site_id=site_1&from=5');
  });

  it('begins at a full hour, and takes no period that there is not', () => {
    expect(beginOf('1', 90_000_000)).toBe(90_000_000 - 86_400_000);
    expect(beginOf('1', 91_000_000)).toBe(beginOf('1', 90_000_000));
    expect(filterOf(new URLSearchParams('by=colour&days=3'))).toEqual({ by: 'model', days: '30', site_id: '' });
  });
});
