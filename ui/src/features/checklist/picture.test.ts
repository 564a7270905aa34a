import { expect, it } from 'vitest';
import { fitted, MOST_BYTES, smallEnough } from './picture';

it('a photo is made smaller, keeps its shape, and is never made larger', () => {
  expect(fitted(4000, 3000, 1600)).toEqual({ width: 1600, height: 1200 });
  expect(fitted(3000, 4000, 1600)).toEqual({ width: 1200, height: 1600 });
  expect(fitted(640, 480, 1600)).toEqual({ width: 640, height: 480 });
  expect(fitted(9000, 2, 1600), 'a strip is still a picture').toEqual({ width: 1600, height: 1 });
});

it('quality goes down before size does, until it is small enough', async () => {
  const tried: [number, number][] = [];
  const size = (longest: number, quality: number) => longest * longest * quality * 0.3;
  const chosen = await smallEnough((longest, quality) => {
    tried.push([longest, quality]);
    return Promise.resolve({ size: size(longest, quality) });
  });
  expect(tried).toEqual([[1600, 0.82], [1600, 0.7], [1600, 0.55], [1280, 0.6]]);
  expect(chosen.size).toBeLessThanOrEqual(MOST_BYTES);
});

it('what is never small enough is as small as it gets', async () => {
  expect((await smallEnough((longest) => Promise.resolve({ size: longest * 1_000 }))).size).toBe(640_000);
});
