import type { Attention } from './sync';

/** One field of a change beside what stands on the server. */
export interface Row {
  field: string;
  mine: string | null;
  theirs: string | null;
  differs: boolean;
}

type Fields = Record<string, unknown> | null;

function words(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** The fields that the change names, beside the server's values. */
export function comparison(mine: Fields, theirs: Fields): Row[] {
  const fields = mine && Object.keys(mine).length > 0 ? Object.keys(mine) : Object.keys(theirs ?? {});
  return fields.map((field) => {
    const [left, right] = [words(mine?.[field]), words(theirs?.[field])];
    return { field: field.replaceAll('_', ' '), mine: left, theirs: right, differs: left !== right };
  });
}

/** What the change was about. */
export function targetName(target: Attention['target']): string {
  if (target === null) return '';
  if (typeof target === 'string') return target;
  return target.name ?? target.id ?? '';
}
