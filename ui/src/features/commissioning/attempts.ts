import { filled } from '$features/devices/api';
import { answer, api, type Attempt, type AttemptOutcome, type Page } from '$lib/api';

export const ATTEMPTS = ['attempts'] as const;
export const OUTCOMES: AttemptOutcome[] = ['succeeded', 'failed', 'cancelled', 'interrupted'];

/** What a list of attempts can be narrowed to. */
export interface AttemptFilter {
  outcome: AttemptOutcome | '';
  site_id: string;
  technician_id: string;
}

/** Attempts of everybody, newest first. */
export function listAttempts(filter: AttemptFilter, cursor?: string): Promise<Page<Attempt>> {
  return answer<Page<Attempt>>(api().GET('/v1/attempts', { params: { query: filled({ ...filter, cursor }) } }));
}

/** Attempts on one device. */
export function listDeviceAttempts(id: string, cursor?: string): Promise<Page<Attempt>> {
  return answer<Page<Attempt>>(api().GET('/v1/devices/{id}/attempts', { params: { path: { id }, query: filled({ cursor, limit: 20 }) } }));
}
