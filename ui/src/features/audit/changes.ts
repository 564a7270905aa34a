import { circumstances, TOLD } from './meetings';
import { detailLines } from './words';

/** Everything that an entry says beside who, what and when. A field that lost is told with who won. */
export function changeLines(detail: unknown): string[] {
  const hasMet = typeof detail === 'object' && detail !== null && 'met' in detail;
  return [...detailLines(detail, hasMet ? [...TOLD, 'overtaken'] : TOLD), ...circumstances(detail)];
}
