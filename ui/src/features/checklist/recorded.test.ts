import { expect, it } from 'vitest';
import { newest, type Recorded } from './recorded';

const recorded = (at: number, ...photos: string[]): Recorded => ({ record: { schema: 1, attempt_id: 'att_1', at, checklist: 1, note: null, items: [] }, photos: photos.map((sha256) => ({ sha256 })), own: false });
const nothing: Recorded = { record: null, photos: [], own: false };

it('what is not sent yet stands before what the server has, and the other way round', () => {
  expect(newest(recorded(2), recorded(1)).record?.at).toBe(2);
  expect(newest(recorded(1), recorded(2)).record?.at).toBe(2);
  expect(newest(nothing, recorded(2)).record?.at, 'this machine let it go').toBe(2);
  expect(newest(null, nothing)).toEqual(nothing);
  expect([newest(nothing, recorded(2)).own, newest(null, recorded(2)).own], 'only what was made here can be added to').toEqual([true, false]);
});

it('photos of both are shown once', () => {
  expect(newest(recorded(2, 'aa', 'bb'), recorded(1, 'bb', 'cc')).photos.map(({ sha256 }) => sha256)).toEqual(['aa', 'bb', 'cc']);
});
