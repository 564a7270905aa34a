import { expect, it } from 'vitest';
import { sharing } from './share';

const sheet = new File(['<!doctype html>'], 'visit.html', { type: 'text/html' });

it('a file is handed over where the system takes such a one, and nowhere else', async () => {
  const given: unknown[] = [];
  const share = (what?: ShareData) => (given.push(...(what?.files ?? [])), Promise.resolve());
  expect([sharing(sheet, {}), sharing(sheet, { share }), sharing(sheet, { share, canShare: () => false })]).toEqual([null, null, null]);
  await sharing(sheet, { share, canShare: (what) => what?.files?.[0]?.type === 'text/html' })?.();
  expect(given).toEqual([sheet]);
});

it('to change one’s mind is no failure, and a failure is one', async () => {
  const ends = (name: string) => sharing(sheet, { canShare: () => true, share: () => Promise.reject(new DOMException('', name)) })?.();
  await expect(ends('AbortError')).resolves.toBeUndefined();
  await expect(ends('NotAllowedError')).rejects.toThrow();
});
