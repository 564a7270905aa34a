import { circumstances, TOLD } from './meetings';
import { detailLines } from './words';

/** What only the audit tells: to the reader of a history these ids say nothing. */
const FOR_AUDIT = ['grant_id', 'technician_id', 'key', 'epoch'];

/** Everything that an entry says beside who, what and when. A field that lost is told with who won. */
export function changeLines(detail: unknown, apart: string[] = []): string[] {
  const hasMet = typeof detail === 'object' && detail !== null && 'met' in detail;
  return [...detailLines(detail, [...(hasMet ? [...TOLD, 'overtaken'] : TOLD), ...apart]), ...circumstances(detail)];
}

/** The same for the history of one thing. */
export const historyLines = (detail: unknown): string[] => changeLines(detail, FOR_AUDIT);
