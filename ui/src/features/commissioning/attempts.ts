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

/** What else it can be narrowed to, by a link that leads there. */
export const NARROWED = ['cause', 'model_id', 'firmware', 'app_version', 'phone', 'from', 'to'] as const;
export type Narrowed = Partial<Record<(typeof NARROWED)[number], string>>;

/** What the address of a list says of that. */
export function narrowedBy(search: URLSearchParams): Narrowed {
  return Object.fromEntries(
    NARROWED.flatMap((name) => {
      const value = search.get(name);
      return value ? [[name, value]] : [];
    })
  );
}

/** Attempts of everybody, newest first. */
export function listAttempts(filter: AttemptFilter, narrowed: Narrowed, cursor?: string): Promise<Page<Attempt>> {
  const { from, to, ...rest } = narrowed;
  const period = { from: from ? Number(from) : undefined, to: to ? Number(to) : undefined };
  return answer<Page<Attempt>>(api().GET('/v1/attempts', { params: { query: filled({ ...filter, ...rest, ...period, cursor }) } }));
}

/** Attempts on one device. */
export function listDeviceAttempts(id: string, cursor?: string): Promise<Page<Attempt>> {
  return answer<Page<Attempt>>(api().GET('/v1/devices/{id}/attempts', { params: { path: { id }, query: filled({ cursor, limit: 20 }) } }));
}
