import type { Attention } from './sync';

/** One field of a change beside what stands on the server. */
export interface Row {
  field: string;
  mine: unknown;
  theirs: unknown;
  differs: boolean;
}

type Fields = Record<string, unknown> | null;

/** What only tells things apart, and what every row has by itself. */
const UNTOLD = ['id', 'created_at', 'epoch', 'last_seen_at', 'person_id', 'device_id'];
const empty = (value: unknown) => value === null || value === undefined || value === '';

/** The fields that the change names, beside the server's values; what is empty on both sides is left out. */
export function comparison(mine: Fields, theirs: Fields): Row[] {
  const named = Object.keys(mine ?? {}).filter((field) => !UNTOLD.includes(field));
  const fields = named.length > 0 ? named : Object.keys(theirs ?? {}).filter((field) => !UNTOLD.includes(field));
  return fields
    .map((field) => {
      const [left, right] = [mine?.[field], theirs?.[field]];
      return { field, mine: left, theirs: right, differs: !(empty(left) && empty(right)) && JSON.stringify(left) !== JSON.stringify(right) };
    })
    .filter((row) => !(empty(row.mine) && empty(row.theirs)));
}

/** The fields of a change that a person may correct; a record of what was done is corrected by nobody. */
export function editable({ kind, evidence, mine }: Pick<Attention, 'kind' | 'evidence' | 'mine'>): string[] {
  if (evidence || kind === 'attempt.record') return [];
  const plain = (value: unknown) => value === null || typeof value === 'string';
  return Object.entries(mine ?? {}).filter(([field, value]) => !UNTOLD.includes(field) && plain(value)).map(([field]) => field);
}

/** What differs from what was sent; what was emptied is cleared. */
export function corrections(item: Pick<Attention, 'kind' | 'evidence' | 'mine'>, typed: Record<string, string>): Record<string, string | null> {
  const changed = editable(item).filter((field) => (typed[field] ?? '').trim() !== (item.mine?.[field] ?? ''));
  return Object.fromEntries(changed.map((field) => [field, (typed[field] ?? '').trim() || null]));
}

/** The fields of the change that somebody else set to something else since it was shown like that. */
export function overtaken(shown: Pick<Attention, 'mine' | 'theirs'>, now: Pick<Attention, 'theirs'>): string[] {
  return Object.keys(shown.mine ?? {}).filter((field) => JSON.stringify(shown.theirs?.[field] ?? null) !== JSON.stringify(now.theirs?.[field] ?? null));
}

/** Whether the change says something else about a thing that is there: mine or theirs is the question then. */
export function isContested({ mine, theirs }: Pick<Attention, 'mine' | 'theirs'>): boolean {
  return theirs !== null && comparison(mine, theirs).some(({ differs }) => differs);
}

/** What the change was about, by a name that people know; null when it has none. */
export function targetName({ target, mine, theirs }: Pick<Attention, 'target' | 'mine' | 'theirs'>): string | null {
  const names = [target?.name, mine?.['name'], theirs?.['name'], mine?.['serial'], theirs?.['serial']];
  return names.find((name): name is string => typeof name === 'string' && name !== '') ?? null;
}
