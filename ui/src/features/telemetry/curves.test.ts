import { describe, expect, it } from 'vitest';
import type { DeviceTelemetry } from '$lib/api';
import { curvesOf, DAY_MS, HOUR_MS, hoursOf, merged, summaryOf, withGaps } from './curves';

const TO = 1_790_000_000_000;
const HOUR = Math.floor(TO / HOUR_MS) * HOUR_MS;

function chunk(hour: number, at: number[], values: number[], kind: 'number' | 'flag' = 'number', key = 't') {
  return { hour, sealed: false, etag: `${hour} ${values.join()}`, bytes: 1, metrics: [{ key, kind, at, values }] };
}

function day(chunks: DeviceTelemetry['chunks'], to = TO, as_of: number | null = null): DeviceTelemetry {
  return { from: HOUR - DAY_MS, to, as_of, chunks };
}

describe('curves', () => {
  it('joins the hours of each metric, and leaves out what is older than a day', () => {
    const yesterday = HOUR - DAY_MS;
    const second = (TO - DAY_MS - yesterday) / 1000;
    const [curve] = curvesOf(day([chunk(yesterday, [second - 10, second + 10], [1, 2]), chunk(HOUR, [0, 20], [3, 4])]));
    expect(curve).toEqual({ key: 't', kind: 'number', at: [TO - DAY_MS + 10_000, HOUR, HOUR + 20_000], values: [2, 3, 4] });
    expect(curvesOf(day([chunk(yesterday, [0], [1])]))).toEqual([]);
  });

  it('shows numbers first, and a metric that changed its kind twice', () => {
    const curves = curvesOf(day([chunk(HOUR, [0], [1], 'flag', 'a'), chunk(HOUR, [10], [2], 'number', 'b'), chunk(HOUR, [20], [3], 'number', 'a')]));
    expect(curves.map(({ key, kind }) => `${key} ${kind}`)).toEqual(['a number', 'b number', 'a flag']);
  });

  it('takes what was read last of each hour', () => {
    const whole = day([chunk(HOUR - HOUR_MS, [0], [1]), chunk(HOUR, [0], [2])]);
    const latest = day([chunk(HOUR, [0, 10], [2, 3]), chunk(HOUR + HOUR_MS, [0], [4])], TO + HOUR_MS);
    expect(curvesOf(merged(whole, latest))[0]?.values).toEqual([1, 2, 3, 4]);
    expect(merged(latest, whole), 'what was read before is not news').toBe(latest);
    expect(merged(whole, { ...latest, as_of: 7 }).as_of, 'how old it is comes with it').toBe(7);
  });

  it('draws no line through silence', () => {
    const curve = { key: 't', kind: 'number' as const, at: [0, 60_000, 60_000 + 21 * 60_000], values: [1, 2, 3] };
    expect(withGaps(curve)).toEqual({ at: [0, 60_000, 60_001, 60_000 + 21 * 60_000], values: [1, 2, null, 3] });
  });

  it('says the lowest, the highest, the last and when', () => {
    expect(summaryOf({ at: [1, 2, 3, 4], values: [5, 1, 1, 9] })).toEqual({ first: 1, last: { at: 4, value: 9 }, lowest: { at: 2, value: 1 }, highest: { at: 4, value: 9 }, changes: 2 });
    expect(summaryOf({ at: [], values: [] })).toBeNull();
  });

  it('sums each hour up, newest first', () => {
    const hours = hoursOf({ key: 't', kind: 'number', at: [HOUR, HOUR + 1, HOUR + HOUR_MS], values: [1, 2, 3] });
    expect(hours.map(({ first, last }) => [first, last.value])).toEqual([[HOUR + HOUR_MS, 3], [HOUR, 2]]);
  });
});
