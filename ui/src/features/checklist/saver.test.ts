import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Problem } from '$lib/api';
import { createSaver } from './saver.svelte';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A store whose answers the test gives. */
function store() {
  const answers: ((failure?: Problem) => void)[] = [];
  const send = vi.fn(() => new Promise<void>((resolve, reject) => answers.push((failure) => (failure ? reject(failure) : resolve()))));
  const answer = async (failure?: Problem) => {
    answers.shift()?.(failure);
    await vi.advanceTimersByTimeAsync(0);
  };
  return { send, answer };
}

it('saves once, a moment after the last key, and says so only when it is', async () => {
  const { send, answer } = store();
  const saver = createSaver(send);
  for (let key = 0; key < 5; key += 1) {
    saver.touch();
    await vi.advanceTimersByTimeAsync(300);
  }
  expect(send).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(1_000);
  expect([send.mock.calls.length, saver.state, saver.unsaved]).toEqual([1, 'saving', true]);
  await answer();
  expect([saver.state, saver.unsaved]).toEqual(['saved', false]);
});

it('saves again what was typed while it saved', async () => {
  const { send, answer } = store();
  const saver = createSaver(send);
  saver.touch();
  const left = saver.flush();
  saver.touch();
  await answer();
  expect([send.mock.calls.length, saver.state]).toEqual([2, 'saving']);
  await answer();
  expect(await left).toBe(true);
  expect(saver.state).toBe('saved');
});

it('keeps what could not be saved, says why, and tries again by itself', async () => {
  const { send, answer } = store();
  const saver = createSaver(send);
  saver.touch();
  const left = saver.flush();
  await answer(new Problem('disk_full', 507, ''));
  expect(await left, 'one does not leave it').toBe(false);
  expect([saver.state, saver.problem?.code, saver.unsaved]).toEqual(['failed', 'disk_full', true]);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(send).toHaveBeenCalledTimes(2);
  expect(saver.problem, 'it is said until it worked').not.toBeNull();
  await answer();
  expect([saver.state, saver.problem]).toEqual(['saved', null]);
});

it('does not send again by itself what was refused', async () => {
  const { send, answer } = store();
  const saver = createSaver(send);
  saver.touch();
  void saver.flush();
  await answer(new Problem('invalid_field', 422, ''));
  await vi.advanceTimersByTimeAsync(60_000);
  expect(send).toHaveBeenCalledTimes(1);
  void saver.flush();
  expect(send, 'somebody may').toHaveBeenCalledTimes(2);
});

it('has nothing to do when nothing was touched', async () => {
  const { send } = store();
  expect(await createSaver(send).flush()).toBe(true);
  expect(send).not.toHaveBeenCalled();
});
