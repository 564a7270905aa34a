import { answer, api, filled, type AuditEntry, type Page } from '$lib/api';

export const AUDIT = ['audit'] as const;

/** What the log can be narrowed to; days are `YYYY-MM-DD` in the reader's time zone. */
export interface AuditFilter {
  actor_id: string;
  action: string;
  target_id: string;
  from: string;
  to: string;
}

/** The first moment of a day, where the reader is; `undefined` when it is no day. */
export function dayStart(day: string, plusDays = 0): number | undefined {
  const [year, month, date] = day.split('-').map(Number);
  if (!year || !month || !date) return undefined;
  return new Date(year, month - 1, date + plusDays).getTime();
}

/** One page of the log, newest first. */
export function listAudit(filter: AuditFilter, cursor?: string): Promise<Page<AuditEntry>> {
  const { actor_id, action, target_id, from, to } = filter;
  const query = filled({ actor_id, action, target_id, since: dayStart(from), until: dayStart(to, 1), cursor });
  return answer<Page<AuditEntry>>(api().GET('/v1/audit', { params: { query } }));
}
