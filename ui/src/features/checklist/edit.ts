import type { CheckItem, Evidence } from '$lib/api';

/** A check while it is edited: each field as it is typed. */
export interface EditItem {
  id: string;
  text: string;
  hint: string;
  required: boolean;
  evidence: Evidence;
  unit: string;
}

/** The checks as they can be edited. */
export function editable(items: CheckItem[]): EditItem[] {
  return items.map(({ id, text, hint, required, evidence, unit }) => ({ id, text, hint: hint ?? '', required, evidence, unit: unit ?? '' }));
}

/** The checks as they are saved. */
export function finished(items: EditItem[]): CheckItem[] {
  return items.map(({ id, text, hint, required, evidence, unit }) => ({
    id,
    text: text.trim(),
    hint: hint.trim() || null,
    required,
    evidence,
    unit: evidence === 'number' ? unit.trim() || null : null
  }));
}

/** A check that asks nothing yet. */
export function blank(id: string): EditItem {
  return { id, text: '', hint: '', required: false, evidence: 'tick', unit: '' };
}

/** The same checks, one of them so many places further down. */
export function moved(items: EditItem[], id: string, by: number): EditItem[] {
  const from = items.findIndex((item) => item.id === id);
  const to = from + by;
  const item = items[from];
  if (!item || to < 0 || to >= items.length) return items;
  const rest = items.filter((other) => other !== item);
  return [...rest.slice(0, to), item, ...rest.slice(to)];
}

/** Whether saving would change anything. */
export function isChanged(mine: EditItem[], theirs: CheckItem[]): boolean {
  return JSON.stringify(finished(mine)) !== JSON.stringify(finished(editable(theirs)));
}

/** The first check that says nothing, which cannot be saved. */
export function wordless(items: EditItem[]): EditItem | null {
  return items.find(({ text }) => text.trim() === '') ?? null;
}

/** What was typed and does not stand in the list of somebody else. */
export function onlyMine(mine: EditItem[], theirs: CheckItem[]): EditItem[] {
  const there = new Set(finished(editable(theirs)).map((item) => JSON.stringify(item)));
  return mine.filter((item, n) => item.text.trim() !== '' && !there.has(JSON.stringify(finished(mine)[n])));
}

/** The list with that check in the place of the one with its number, or at the end. */
export function takenOver(items: EditItem[], item: EditItem): EditItem[] {
  return items.some(({ id }) => id === item.id) ? items.map((other) => (other.id === item.id ? item : other)) : [...items, item];
}

/** A new number that nothing else has. A page that was not served over TLS has no `crypto.randomUUID`. */
export function freshId(random: (bytes: Uint8Array<ArrayBuffer>) => Uint8Array = (bytes) => crypto.getRandomValues(bytes)): string {
  const bytes = random(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
