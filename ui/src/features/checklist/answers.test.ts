import { describe, expect, it } from 'vitest';
import { answerOf, draftOf, faultOf, loosePhotos, numberOf, progressOf, questionsOf } from './answers';
import type { CheckAnswer, Checked, Evidence } from '$lib/api';

const asked = (id: string, evidence: Evidence = 'tick') => ({ id, text: id, required: false, evidence });
const ANSWERS: [Evidence, CheckAnswer][] = [
  ['tick', { kind: 'done' }],
  ['text', { kind: 'text', text: 'Left door' }],
  ['number', { kind: 'number', number: -12.5 }],
  ['photo', { kind: 'photos', sha256s: ['aa', 'bb'] }],
  ['photo', { kind: 'not_applicable', reason: 'No cabinet' }]
];

describe('an answer', () => {
  it('becomes what can be edited, and is the same again', () => {
    for (const [evidence, answer] of ANSWERS) expect(answerOf({ evidence }, draftOf({ evidence }, answer))).toEqual(answer);
  });

  it('of another kind than is asked for now is none', () => {
    expect(answerOf({ evidence: 'number' }, draftOf({ evidence: 'number' }, { kind: 'text', text: '12' }))).toBeNull();
  });

  it('keeps the words as they were asked, and what has none is asked as it is now', () => {
    const items = [{ ...asked('one', 'number'), text: 'Leakage current', unit: 'mA' }, { ...asked('two'), text: 'Lid is shut' }];
    const before: Checked[] = [{ ...asked('one', 'number'), text: 'Voltage', unit: 'V', answer: { kind: 'number', number: 230 } }, { ...asked('two'), text: 'Lid is open', answer: null }];
    const shown = questionsOf({ checklist: { version: 2, items }, record: { schema: 1, attempt_id: 'att_1', at: 1, checklist: 1, note: null, items: before }, photos: [] });
    expect(shown.map(({ text, unit }) => [text, unit])).toEqual([['Voltage', 'V'], ['Lid is shut', undefined]]);
  });

  it('is none while nothing was given', () => {
    for (const evidence of ['tick', 'text', 'number', 'photo'] as const) expect(answerOf({ evidence }, draftOf({ evidence }, null))).toBeNull();
  });

  it('that is set aside needs a reason, and what was typed before is still there', () => {
    const draft = { ...draftOf({ evidence: 'text' }, { kind: 'text', text: 'typed' }), aside: true };
    expect([answerOf({ evidence: 'text' }, draft), faultOf({ evidence: 'text' }, draft)]).toEqual([null, 'reason']);
    expect(answerOf({ evidence: 'text' }, { ...draft, reason: ' none ' })).toEqual({ kind: 'not_applicable', reason: 'none' });
    expect(answerOf({ evidence: 'text' }, { ...draft, aside: false })).toEqual({ kind: 'text', text: 'typed' });
  });
});

it('a number is read with a point and with a comma, and nothing else is one', () => {
  expect(['12', ' 12,5 ', '-3.25', '−3', '.5', '0'].map(numberOf)).toEqual([12, 12.5, -3.25, -3, 0.5, 0]);
  for (const none of ['', 'twelve', '1,2,3', '1.000,5', '1e400', 'Infinity', '12 V', '-']) expect(numberOf(none), none).toBeNull();
  expect(faultOf({ evidence: 'number' }, { ...draftOf({ evidence: 'number' }, null), number: '12 V' })).toBe('number');
});

it('what was answered is still shown when nobody asks it any more', () => {
  const record = { schema: 1, attempt_id: 'att_1', at: 1, checklist: 1, note: null, items: [{ ...asked('old'), answer: { kind: 'done' as const } }, { ...asked('gone'), answer: null }, { ...asked('a'), answer: null }] };
  expect(questionsOf({ checklist: { version: 2, items: [asked('a'), asked('b')] }, record, photos: [] }).map(({ id }) => id)).toEqual(['a', 'b', 'old']);
});

it('what is open and required is counted apart', () => {
  const items: Checked[] = [{ ...asked('a'), answer: { kind: 'done' } }, { ...asked('b'), required: true, answer: null }, { ...asked('c'), required: true, answer: { kind: 'not_applicable', reason: 'x' } }];
  expect(progressOf(items)).toEqual({ answered: 2, total: 3, required_open: 1 });
});

it('photos of no answer are told from the others', () => {
  expect(loosePhotos([{ sha256: 'aa' }, { sha256: 'zz' }], [{ answer: { kind: 'photos', sha256s: ['aa'] } }])).toEqual([{ sha256: 'zz' }]);
});
