import { expect, test } from 'vitest';
import { createEdited } from './edited.svelte';

const row = { name: 'Lift', note: null as string | null, site: 's1' };

test('what somebody else changed meanwhile is not sent', () => {
  const edited = createEdited<'name' | 'note' | 'site'>();
  edited.begin(row);
  const now = { name: 'Lift', note: 'gate code 4711', site: 's2' };
  expect(edited.patch({ name: 'Lift A', note: null, site: 's1' }, now)).toEqual({ name: 'Lift A' });
  expect(edited.met).toEqual([]);
});

test('what both changed is said once before it is overwritten', () => {
  const edited = createEdited<'name' | 'note' | 'site'>();
  edited.begin(row);
  const [given, now] = [{ name: 'Lift', note: 'mine', site: 's1' }, { ...row, note: 'theirs' }];
  expect(edited.patch(given, now)).toBeNull();
  expect(edited.met).toEqual([{ field: 'note', value: 'theirs' }]);
  expect(edited.patch(given, now)).toEqual({ note: 'mine' });
  edited.begin(now);
  expect(edited.met).toEqual([]);
  expect(edited.patch({ name: 'Lift', note: 'theirs', site: 's1' }, now)).toEqual({});
});

test('what both changed to the same is no question', () => {
  const edited = createEdited<'name' | 'note' | 'site'>();
  edited.begin(row);
  expect(edited.patch({ ...row, name: 'B' }, { ...row, name: 'B' })).toEqual({ name: 'B' });
});
