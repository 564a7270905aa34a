import { describe, expect, it } from 'vitest';
import { bytes, duration, habits, isTimeZone, moment, number, relative } from './formats';

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

  it('are written as people do where they are, whatever language they read', () => {
    const written = (...wanted: string[]) => moment(NOON, habits('en', wanted), 'Europe/Vienna').replaceAll('\u202f', ' ');
    expect(written('de-AT', 'en-US', 'en')).toBe('1 Jun 2026, 14:00');
    expect(written('en-GB')).toBe('1 Jun 2026, 14:00');
    expect(written('en-US', 'en')).toBe('Jun 1, 2026, 2:00 PM');
    expect(habits('en', ['de', 'C.UTF-8', 'de-CH']), 'the first that names a region').toBe('en-CH');
    expect([habits('en', ['de']), habits('en', []), habits('ar-XB', ['de-AT'])]).toEqual(['en', 'en', 'ar-XB']);
  });

  it('are short', () => {
    expect(duration(840, 'en')).toBe('840 ms');
    expect(duration(3_240, 'en')).toBe('3.2 sec');
    expect(duration(120_000, 'en')).toBe('2 min');
    expect(duration(10_800_000, 'en'), 'a clock that is hours off').toBe('3 hr');
    expect(duration(345_600_000, 'en')).toBe('4 days');
    expect([830, 1_240, 3_400_000].map((count) => bytes(count, 'en'))).toEqual(['830 byte', '1.2 kB', '3.4 MB']);
    expect(number(18_231.5, 'en')).toBe('18,231.5');
  });
});
