/** When a step ran, and for how long. */
export interface Timed {
  started_at?: number | null;
  duration_ms?: number | null;
}

/** Where a step begins and how wide it is, each in percent of the whole. */
export interface Bar {
  from: number;
  width: number;
}

/** The bars of a time line; none where the steps say no times. A clock that was set in the middle moves none out of it. */
export function barsOf(steps: Timed[]): Bar[] {
  const begins = steps.map(({ started_at }) => started_at ?? 0);
  const ends = steps.map(({ duration_ms }, n) => (begins[n] ?? 0) + (duration_ms ?? 0));
  const first = Math.min(...begins);
  const whole = Math.max(...ends) - first;
  if (steps.length === 0 || !(first > 0) || whole <= 0) return [];
  return steps.map((step, n) => {
    const from = Math.min(100, (((begins[n] ?? first) - first) / whole) * 100);
    return { from, width: Math.min(100 - from, ((step.duration_ms ?? 0) / whole) * 100) };
  });
}
