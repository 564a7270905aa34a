import { expect, it } from 'vitest';
import { corrections, editable, isContested } from './compare';

const item = { kind: 'site.update', evidence: false, mine: { id: 'sit_1', name: 'Mine', note: null }, theirs: { id: 'sit_1', name: 'Theirs', note: null } };

it('lets people correct what they typed, never what it is about or what was done', () => {
  expect(editable(item)).toEqual(['name', 'note']);
  expect(editable({ ...item, kind: 'attempt.record', evidence: true })).toEqual([]);
});

it('sends only what was corrected, and clears what was emptied', () => {
  expect(corrections(item, { name: 'Mine', note: '' })).toEqual({});
  expect(corrections(item, { name: ' Better ', note: 'why' })).toEqual({ name: 'Better', note: 'why' });
  expect(corrections({ ...item, mine: { note: 'old' } }, { note: '' })).toEqual({ note: null });
});

it('asks mine or theirs only where there are two', () => {
  expect(isContested(item)).toBe(true);
  expect(isContested({ ...item, theirs: null })).toBe(false);
  expect(isContested({ ...item, theirs: { name: 'Mine' } })).toBe(false);
});
