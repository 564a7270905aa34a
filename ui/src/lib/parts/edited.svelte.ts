/**
 * A row while somebody edits it: what they were shown when the form opened, whatever it becomes beneath them.
 *
 * Only what they changed is sent, so that what somebody else changed meanwhile stays, and with it as what it was shown.
 * What both changed is said before it is overwritten.
 */

import { Problem } from '$lib/api';

type Value = string | null | undefined;

/** The row, which may leave out what is empty. */
type Row<F extends string> = Partial<Record<F, Value>>;

type Fields<F extends string> = Partial<Record<F, string | null>>;

/** What is to be sent; `was`: as it was shown. */
export type Patch<F extends string> = Fields<F> & { was: Fields<F> };

/** Whether nothing was saved since somebody else changed the same before. */
export const isStale = (problem: unknown): boolean => problem instanceof Problem && problem.code === 'stale';

const same = (a: Value, b: Value) => (a ?? '') === (b ?? '');

export interface Edited<F extends string> {
  /** Begins with the row as it stands. */
  begin(row: Row<F>): void;
  /**
   * Sends what was changed, if anything. `false`: nothing was saved, since somebody else changed one of these fields, and
   * that is said now; they may save once more. `refresh` has the row read again that `now` gives.
   */
  save(given: Record<F, string | null>, now: () => Row<F>, send: (patch: Patch<F>) => Promise<void>, refresh: () => Promise<void>): Promise<boolean>;
  /** What somebody else made of the fields that were changed here too. */
  readonly met: { field: F; value: Value }[];
}

export function createEdited<F extends string>(): Edited<F> {
  let shown: Row<F> = {};
  let met = $state.raw<{ field: F; value: Value }[]>([]);

  /** The fields to send; `null` where somebody else changed one of them, once. */
  function changed(given: Record<F, string | null>, now: Row<F>): F[] | null {
    // What stands already as it is wanted needs nothing.
    const fields = (Object.keys(given) as F[]).filter((field) => !same(given[field], shown[field]) && !same(given[field], now[field]));
    met = fields.filter((field) => !same(now[field], shown[field])).map((field) => ({ field, value: now[field] }));
    // Whoever has read it may say so once more.
    for (const { field, value } of met) shown[field] = value;
    return met.length > 0 ? null : fields;
  }

  const pick = (fields: F[], of: Row<F>) => Object.fromEntries(fields.map((field) => [field, of[field] ?? null])) as Fields<F>;

  return {
    get met() {
      return met;
    },
    begin(row) {
      shown = { ...row };
      met = [];
    },
    async save(given, now, send, refresh) {
      for (let tries = 1; ; tries += 1) {
        const fields = changed(given, now());
        if (!fields) return false;
        if (fields.length === 0) return true;
        try {
          await send({ ...pick(fields, given), was: pick(fields, shown) } as Patch<F>);
          return true;
        } catch (problem) {
          if (!isStale(problem) || tries > 1) throw problem;
          // It changed in this moment, or is not here yet.
          await refresh();
        }
      }
    }
  };
}
