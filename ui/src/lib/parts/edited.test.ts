import { expect, test } from 'vitest';
import { Problem } from '$lib/api';
import { createEdited, type Patch } from './edited.svelte';

type Field = 'name' | 'note' | 'site';
type Row = Record<Field, string | null>;

const row: Row = { name: 'Lift', note: null, site: 's1' };

/** A form over a row, and what it sent. */
function edits(begins: Row, refuses: Problem[] = []) {
  const edited = createEdited<Field>();
  edited.begin(begins);
  const sent: Patch<Field>[] = [];
  const send = (patch: Patch<Field>) => {
    const refusal = refuses.shift();
    if (refusal) return Promise.reject(refusal);
    sent.push(patch);
    return Promise.resolve();
  };
  const save = (given: Row, now: Row, fresh = now) => {
    let stands = now;
    return edited.save(given, () => stands, send, () => Promise.resolve(void (stands = fresh)));
  };
  return { edited, sent, save };
}

test('what somebody else changed meanwhile is not sent', async () => {
  const { edited, sent, save } = edits(row);
  const now = { name: 'Lift', note: 'gate code 4711', site: 's2' };
  expect(await save({ name: 'Lift A', note: null, site: 's1' }, now)).toBe(true);
  expect(sent).toEqual([{ name: 'Lift A', was: { name: 'Lift' } }]);
  expect(edited.met).toEqual([]);
});

test('what both changed is said once before it is overwritten', async () => {
  const { edited, sent, save } = edits(row);
  const [given, now] = [{ ...row, note: 'mine' }, { ...row, note: 'theirs' }];
  expect(await save(given, now)).toBe(false);
  expect(edited.met).toEqual([{ field: 'note', value: 'theirs' }]);
  expect(await save(given, now)).toBe(true);
  expect(sent).toEqual([{ note: 'mine', was: { note: 'theirs' } }]);
  edited.begin(now);
  expect(edited.met).toEqual([]);
  expect(await save({ ...row, note: 'theirs' }, now)).toBe(true);
  expect(sent.length).toBe(1);
});

test('what both changed to the same is no question', async () => {
  const { sent, save } = edits(row);
  expect(await save({ ...row, name: 'B', note: 'mine' }, { ...row, name: 'B' })).toBe(true);
  expect(sent).toEqual([{ note: 'mine', was: { note: null } }]);
  const late = edits(row, [new Problem('stale', 409, '')]);
  expect(await late.save({ ...row, name: 'B', note: 'mine' }, row, { ...row, name: 'B' })).toBe(true);
  expect(late.sent).toEqual(sent);
});

test('what changes in the moment it is saved is read again and said, and is no error', async () => {
  const stale = new Problem('stale', 409, '');
  const { edited, sent, save } = edits(row, [stale]);
  const [given, fresh] = [{ ...row, note: 'mine' }, { ...row, note: 'theirs' }];
  expect(await save(given, row, fresh)).toBe(false);
  expect(edited.met).toEqual([{ field: 'note', value: 'theirs' }]);
  expect(await save(given, fresh)).toBe(true);
  expect(sent).toEqual([{ note: 'mine', was: { note: 'theirs' } }]);
});

test('a refusal that nothing explains stays one', async () => {
  const stale = new Problem('stale', 409, '');
  const { save } = edits(row, [stale, stale, new Problem('disk_full', 507, '')]);
  await expect(save({ ...row, name: 'B' }, row)).rejects.toBe(stale);
  await expect(save({ ...row, name: 'B' }, row)).rejects.toThrow('disk_full');
});
