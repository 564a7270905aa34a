import type { Attempt } from '$lib/api';

/** So long two people can have worked without knowing of each other: as long as a grant is good without a network. */
const APART_MS = 14 * 24 * 3_600_000;

/**
 * The last two successful commissions, newest first, where nobody can tell from here which of them the device keeps to:
 * two people, shortly after each other, at different sites or without an epoch of the device that says who was later.
 */
export function inDoubt(attempts: Attempt[]): [Attempt, Attempt] | null {
  const succeeded = attempts.filter((attempt) => attempt.outcome === 'succeeded').toSorted((one, other) => other.started_at - one.started_at);
  const [last, before] = succeeded;
  if (!last || !before || last.technician_id === before.technician_id || last.started_at - before.started_at > APART_MS) return null;
  const isOrdered = typeof last.epoch === 'number' && typeof before.epoch === 'number' && last.epoch !== before.epoch;
  return isOrdered && last.site_id === before.site_id ? null : [last, before];
}
