import { describe, expect, it } from 'vitest';
import type { CheckItem } from '$lib/api';
import { blank, editable, finished, freshId, isChanged, moved, onlyMine, takenOver, wordless } from './edit';

const item = (id: string, more: Partial<CheckItem> = {}): CheckItem => ({ id, text: `Check ${id}`, hint: null, required: false, evidence: 'tick', unit: null, ...more });
const ids = (items: { id: string }[]) => items.map(({ id }) => id).join('');

describe('a checklist that is edited', () => {
  const list = editable([item('a'), item('b'), item('c')]);

  it('is saved without blanks, and with a unit of numbers only', () => {
    const [saved] = finished([{ ...blank('a'), text: ' Volts ', hint: ' ', unit: ' V ' }]);
    expect(saved).toEqual(item('a', { text: 'Volts' }));
    expect(finished([{ ...blank('a'), text: 'Volts', evidence: 'number', unit: ' V ' }])[0]?.unit).toBe('V');
  });

  it('is moved within its ends', () => {
    expect(ids(moved(list, 'a', 1))).toBe('bac');
    expect(ids(moved(list, 'c', -1))).toBe('acb');
    expect(ids(moved(list, 'a', -1)), 'the first stays').toBe('abc');
    expect(ids(moved(list, 'c', 1)), 'the last stays').toBe('abc');
  });

  it('is changed by words, by order, and not by blanks', () => {
    const theirs = [item('a'), item('b'), item('c')];
    expect(isChanged(list, theirs)).toBe(false);
    expect(isChanged(list.map((one) => ({ ...one, text: `${one.text} ` })), theirs)).toBe(false);
    expect(isChanged(moved(list, 'a', 1), theirs)).toBe(true);
    expect(isChanged([...list, blank('d')], theirs)).toBe(true);
  });

  it('cannot ask nothing', () => {
    expect(wordless(list)).toBeNull();
    expect(wordless([...list, { ...blank('d'), text: '  ' }])?.id).toBe('d');
  });
});

describe('when somebody else saved another list', () => {
  const theirs = [item('a'), item('b', { text: 'Theirs' })];
  const mine = editable([item('a'), item('b', { text: 'Mine' }), item('n', { text: 'New' })]);

  it('what was typed is told from what stands there', () => {
    expect(ids(onlyMine(mine, theirs))).toBe('bn');
    expect(onlyMine([blank('x')], theirs), 'nothing was typed').toEqual([]);
  });

  it('what was typed takes its place, or comes last', () => {
    const [changed, added] = onlyMine(mine, theirs);
    if (!changed || !added) throw new Error('there are two');
    expect(takenOver(editable(theirs), changed).map(({ text }) => text)).toEqual(['Check a', 'Mine']);
    expect(ids(takenOver(editable(theirs), added))).toBe('abn');
  });
});

it('a new check has a number of the fourth version', () => {
  expect(freshId((bytes) => bytes.fill(255))).toBe('ffffffff-ffff-4fff-bfff-ffffffffffff');
  expect(freshId()).not.toBe(freshId());
});
