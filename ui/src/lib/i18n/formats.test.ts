import { describe, expect, it } from 'vitest';
import { bytes, duration, isTimeZone, moment, number, relative } from './formats';

const NOON = Date.UTC(2026, 5, 1, 12);

describe('moments and amounts', () => {
  it('are told from now', () => {
    expect(relative(NOON - 90_000, NOON, 'en')).toBe('1 minute ago');
    expect(relative(NOON - 5_000, NOON, 'en')).toBe('now');
    expect(relative(NOON + 3 * 86_400_000, NOON, 'en')).toBe('in 3 days');
  });

  it('are told in the zone of the place', () => {
    expect(moment(NOON, 'en-GB', 'Europe/Vienna')).toContain('14:00');
    expect(moment(NOON, 'en-GB', 'America/Los_Angeles')).toContain('05:00');
    expect(moment(NOON, 'en-GB', 'Nowhere/Land'), 'an unknown zone breaks no page').toContain('12:00 UTC');
    expect([isTimeZone('Europe/Vienna'), isTimeZone('Nowhere/Land'), isTimeZone('')]).toEqual([true, false, false]);
  });

  it('are short', () => {
    expect(duration(840, 'en')).toBe('840 ms');
    expect(duration(3_240, 'en')).toBe('3.2 sec');
    expect(duration(120_000, 'en')).toBe('2 min');
    expect([830, 1_240, 3_400_000].map((count) => bytes(count, 'en'))).toEqual(['830 byte', '1.2 kB', '3.4 MB']);
    expect(number(18_231.5, 'en')).toBe('18,231.5');
  });
});
