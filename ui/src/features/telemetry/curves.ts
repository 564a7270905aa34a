import type { DeviceTelemetry } from '$lib/api';

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;
/** Where nothing came for longer, the line breaks. */
const SILENCE_MS = 20 * 60_000;

/** What one metric did, its moments rising. */
export interface Curve {
  key: string;
  kind: 'number' | 'flag';
  at: number[];
  values: number[];
}

/** A value and when it was. */
export interface Mark {
  at: number;
  value: number;
}

/** A stretch of a curve at a glance. */
export interface Summary {
  first: number;
  last: Mark;
  lowest: Mark;
  highest: Mark;
  /** How often the value became another. */
  changes: number;
}

/** A day, with what was read of its end since. */
export function merged(day: DeviceTelemetry, latest: DeviceTelemetry | undefined): DeviceTelemetry {
  if (!latest || latest.to < day.to) return day;
  const chunks = new Map(day.chunks.map((chunk) => [chunk.hour, chunk]));
  for (const chunk of latest.chunks) chunks.set(chunk.hour, chunk);
  return { ...day, to: latest.to, as_of: latest.as_of ?? null, chunks: [...chunks.values()].sort((one, other) => one.hour - other.hour) };
}

/** The curves of the 24 hours before the end, by name; a metric that was first a flag and then a number has two. */
export function curvesOf({ to, chunks }: Pick<DeviceTelemetry, 'to' | 'chunks'>): Curve[] {
  const curves = new Map<string, Curve>();
  for (const { hour, metrics } of chunks) {
    for (const { key, kind, at, values } of metrics) {
      const name = `${key} ${kind}`;
      const curve = curves.get(name) ?? { key, kind, at: [], values: [] };
      curves.set(name, curve);
      at.forEach((second, place) => {
        const [moment, value] = [hour + second * 1000, values[place]];
        if (value === undefined || moment < to - DAY_MS) return;
        curve.at.push(moment);
        curve.values.push(value);
      });
    }
  }
  const some = [...curves.values()].filter(({ at }) => at.length > 0);
  return some.sort((one, other) => one.kind.localeCompare(other.kind) * -1 || one.key.localeCompare(other.key));
}

/** The same for drawing: nothing is drawn where the device said nothing. */
export function withGaps({ at, values }: Curve): { at: number[]; values: (number | null)[] } {
  const drawn = { at: [] as number[], values: [] as (number | null)[] };
  at.forEach((moment, place) => {
    const before = at[place - 1];
    if (before !== undefined && moment - before > SILENCE_MS) {
      drawn.at.push(before + 1);
      drawn.values.push(null);
    }
    drawn.at.push(moment);
    drawn.values.push(values[place] ?? null);
  });
  return drawn;
}

/** What a curve says in a few numbers; null for none. */
export function summaryOf({ at, values }: Pick<Curve, 'at' | 'values'>): Summary | null {
  let found: Summary | null = null;
  at.forEach((moment, place) => {
    const mark = { at: moment, value: values[place] ?? 0 };
    found = found
      ? {
          first: found.first,
          last: mark,
          lowest: mark.value < found.lowest.value ? mark : found.lowest,
          highest: mark.value > found.highest.value ? mark : found.highest,
          changes: found.changes + (mark.value === found.last.value ? 0 : 1)
        }
      : { first: moment, last: mark, lowest: mark, highest: mark, changes: 0 };
  });
  return found;
}

/** One summary for each hour in which something was measured, newest first. */
export function hoursOf({ at, values }: Curve): Summary[] {
  const hours = new Map<number, { at: number[]; values: number[] }>();
  at.forEach((moment, place) => {
    const hour = Math.floor(moment / HOUR_MS);
    const part = hours.get(hour) ?? { at: [], values: [] };
    hours.set(hour, part);
    part.at.push(moment);
    part.values.push(values[place] ?? 0);
  });
  return [...hours.values()].flatMap((part) => summaryOf(part) ?? []).reverse();
}
