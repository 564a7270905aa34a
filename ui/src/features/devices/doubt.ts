import type { Attempt } from '$lib/api';

/** So long two people can have worked without knowing of each other: as long as a grant is good without a network. */
const APART_MS = 14 * 24 * 3_600_000;

/** The device's own count, where both have one, comes before any clock. */
const later = (one: Attempt, other: Attempt) => (typeof one.epoch === 'number' && typeof other.epoch === 'number' && one.epoch - other.epoch) || one.started_at - other.started_at;

/**
 * The last two successful commissions, newest first, where nobody can tell from here which of them the device keeps to:
 * two people with the same epoch of the device; or, within two weeks, at different sites or without an epoch.
 */
export function inDoubt(attempts: Attempt[]): [Attempt, Attempt] | null {
  const [last, before] = attempts.filter((attempt) => attempt.outcome === 'succeeded').toSorted((one, other) => later(other, one));
  if (!last || !before || last.technician_id === before.technician_id) return null;
  const counts = typeof last.epoch === 'number' && typeof before.epoch === 'number';
  if (counts && last.epoch === before.epoch) return [last, before];
  const isNear = Math.abs(last.started_at - before.started_at) <= APART_MS;
  return isNear && (!counts || last.site_id !== before.site_id) ? [last, before] : null;
}
