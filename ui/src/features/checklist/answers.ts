import type { CheckAnswer, Checked, CheckItem } from '$lib/api';
import type { Checks } from './checks';

/** A check to be answered. */
export type Question = CheckItem;

/** An answer while it is given: whatever was typed stays, also when it is set aside as not applicable. */
export interface Draft {
  done: boolean;
  text: string;
  number: string;
  photos: string[];
  aside: boolean;
  reason: string;
}

/** What is asked now, then what was answered although nobody asks it any more. What was answered keeps the words as they were asked. */
export function questionsOf({ checklist, record }: Checks): Question[] {
  const asked = new Set(checklist.items.map(({ id }) => id));
  const answered = (record?.items ?? []).filter((item) => item.answer);
  const now = checklist.items.map((item) => {
    const before = answered.find(({ id }) => id === item.id);
    return before ? { ...item, text: before.text, evidence: before.evidence, unit: before.unit } : item;
  });
  return [...now, ...answered.filter(({ id }) => !asked.has(id)).map(({ id, text, required, evidence, unit }) => ({ id, text, required, evidence, unit }))];
}

/** What was answered so far; an answer of another kind than is asked for now is none. */
export function draftOf({ evidence }: Pick<Question, 'evidence'>, answer: CheckAnswer | null | undefined): Draft {
  const draft: Draft = { done: false, text: '', number: '', photos: [], aside: false, reason: '' };
  if (answer?.kind === 'not_applicable') return { ...draft, aside: true, reason: answer.reason };
  if (answer?.kind === 'done' && evidence === 'tick') return { ...draft, done: true };
  if (answer?.kind === 'text' && evidence === 'text') return { ...draft, text: answer.text };
  if (answer?.kind === 'number' && evidence === 'number') return { ...draft, number: String(answer.number) };
  if (answer?.kind === 'photos' && evidence === 'photo') return { ...draft, photos: [...answer.sha256s] };
  return draft;
}

/** The number that was typed, with a point or a comma; null when it is none. */
export function numberOf(typed: string): number | null {
  const plain = typed.trim().replace(',', '.').replace('−', '-');
  if (!/^[+-]?(\d+\.?\d*|\.\d+)$/.test(plain)) return null;
  const number = Number(plain);
  return Number.isFinite(number) ? number : null;
}

/** The answer that a draft amounts to, if any. */
export function answerOf({ evidence }: Pick<Question, 'evidence'>, draft: Draft): CheckAnswer | null {
  if (draft.aside) return draft.reason.trim() ? { kind: 'not_applicable', reason: draft.reason.trim() } : null;
  const number = numberOf(draft.number);
  switch (evidence) {
    case 'tick':
      return draft.done ? { kind: 'done' } : null;
    case 'text':
      return draft.text.trim() ? { kind: 'text', text: draft.text.trim() } : null;
    case 'number':
      return number === null ? null : { kind: 'number', number };
    case 'photo':
      return draft.photos.length > 0 ? { kind: 'photos', sha256s: [...draft.photos] } : null;
    default:
      return null;
  }
}

/** Why what was typed is no answer yet. */
export function faultOf({ evidence }: Pick<Question, 'evidence'>, draft: Draft): 'reason' | 'number' | null {
  if (draft.aside) return draft.reason.trim() ? null : 'reason';
  return evidence === 'number' && draft.number.trim() !== '' && numberOf(draft.number) === null ? 'number' : null;
}

/** How far the answers are. */
export function progressOf(items: { required: boolean; answer?: CheckAnswer | null }[]): { answered: number; total: number; required_open: number } {
  return { answered: items.filter(({ answer }) => answer).length, total: items.length, required_open: items.filter(({ required, answer }) => required && !answer).length };
}

/** The photos that belong to no answer. */
export function loosePhotos<P extends { sha256: string }>(photos: P[], items: Pick<Checked, 'answer'>[]): P[] {
  const shown = new Set(items.flatMap(({ answer }) => (answer?.kind === 'photos' ? answer.sha256s : [])));
  return photos.filter(({ sha256 }) => !shown.has(sha256));
}
