/**
 * A row while somebody edits it: what they were shown when the form opened, whatever it becomes beneath them.
 *
 * Only what they changed is sent, so that what somebody else changed meanwhile stays. What both changed is said before
 * it is overwritten.
 */

type Value = string | null | undefined;

/** The row, which may leave out what is empty. */
type Row<F extends string> = Partial<Record<F, Value>>;

const same = (a: Value, b: Value) => (a ?? '') === (b ?? '');

export interface Edited<F extends string> {
  /** Begins with the row as it stands. */
  begin(row: Row<F>): void;
  /** Which of the given values are to be sent; `null` where somebody else changed one of them, once. */
  patch(given: Record<F, string | null>, now: Row<F>): Partial<Record<F, string | null>> | null;
  /** What somebody else made of the fields that were changed here too. */
  readonly met: { field: F; value: Value }[];
}

export function createEdited<F extends string>(): Edited<F> {
  let shown: Row<F> = {};
  let met = $state.raw<{ field: F; value: Value }[]>([]);
  return {
    get met() {
      return met;
    },
    begin(row) {
      shown = { ...row };
      met = [];
    },
    patch(given, now) {
      const fields = (Object.keys(given) as F[]).filter((field) => !same(given[field], shown[field]));
      met = fields.filter((field) => !same(now[field], shown[field]) && !same(now[field], given[field])).map((field) => ({ field, value: now[field] }));
      // Whoever has read it may say so once more.
      for (const { field, value } of met) shown[field] = value;
      if (met.length > 0) return null;
      return Object.fromEntries(fields.map((field) => [field, given[field]])) as Partial<Record<F, string | null>>;
    }
  };
}
