import { expect, it } from 'vitest';
import { changeLines, historyLines } from './changes';

const at = Date.UTC(2026, 0, 2, 12);
const met = (given: object) => ({ field: 'name', won: false, why: 'newer', other: { kind: 'person', id: 'per_1', name: 'Olga' }, other_at: at, ...given });
const plain = (lines: string[]) => lines.map((line) => line.replace(/[⁦-⁩]/g, ''));

it('says who won and why, once, and nothing of codes', () => {
  const lines = plain(changeLines({ fields: [], overtaken: ['name'], met: [met({})] }));
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/^Name: the change by Olga of .*2026.* stands\. Neither knew of the other; that one is newer\.$/);
});

it('has a sentence of its own for each reason', () => {
  const cases = [met({}), met({ why: 'stands' }), met({ why: 'first', other_at: null }), met({ won: true }), met({ won: true, why: 'seen' }), met({ won: true, why: 'both' })];
  const lines = plain(changeLines({ met: cases }));
  expect(new Set(lines).size).toBe(6);
  expect(lines.every((line) => line.startsWith('Name: ') && line.includes('Olga'))).toBe(true);
  expect(plain(changeLines({ met: [met({ other: null })] }))[0]).toContain('Somebody');
});

it('says how wrong a clock was and when a change was really made', () => {
  expect(plain(changeLines({ fields: ['name'], made_at: at, clock_skew_ms: -3_600_000 }))).toEqual([
    'Changed: Name',
    expect.stringMatching(/^Made .*2026.*, and sent later\.$/),
    'The clock it was made by was 1 hr behind; the time is corrected.'
  ]);
  expect(plain(changeLines({ fields: ['name'], time_is_rough: true }))).toEqual(['Changed: Name', 'Its time is only roughly known: the clock was set in between.']);
});

it('still tells a log of before there were reasons', () => {
  expect(plain(changeLines({ overtaken: ['name'] }))).toEqual(['Overtaken by a newer change: Name']);
});

it('tells the reader of a history no ids that only the audit needs', () => {
  const detail = { grant_id: 'gra_1', technician_id: 'per_1', key: 'ab:cd', epoch: 2, reason: 'broken' };
  expect(historyLines(detail)).toHaveLength(1);
  expect(changeLines(detail)).toHaveLength(5);
});
