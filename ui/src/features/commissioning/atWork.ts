/**
 * Whether devices are commissioned without a hand: then it says nothing that nobody touches the app.
 *
 * Deliberately not here: a device that waits for its technician, who may be gone.
 */
import { door } from '$lib/api';
import { host } from '$lib/host';
import { type Commission, isJoined } from './door';
import type { Visit } from './visit';

/** A device is at work; a visit is on its way from one to the next; or neither. */
export type AtWork = 'device' | 'between' | null;

export function workOf(commission: Commission | null, visit: Pick<Visit, 'auto' | 'going' | 'counts'> | null): AtWork {
  if (commission?.state === 'running' && !isJoined(commission)) return 'device';
  if (commission?.state.startsWith('needs_')) return null;
  return visit?.auto && visit.going && visit.counts.waiting > 0 ? 'between' : null;
}

/** How it is now. */
export async function atWork(): Promise<AtWork> {
  if (!host().has('radio')) return null;
  const [commission, visit] = await Promise.all([door<Commission | null>('GET', '/app/commissions/current'), door<Visit | null>('GET', '/app/visit')]);
  return workOf(commission, visit);
}
