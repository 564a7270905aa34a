import { describe, expect, it } from 'vitest';
import { distinct } from './lists.svelte';

describe('the rows of a list', () => {
  it('stand once, as the page that was read last has them', () => {
    const pages = [
      { items: [{ id: 'a', name: 'Alpha' }, { id: 'b', name: 'Beta' }], next: 'x' },
      { items: [{ id: 'c', name: 'Gamma' }, { id: 'a', name: 'Zulu' }], next: null }
    ];
    expect(distinct(pages).map(({ id, name }) => `${id} ${name}`)).toEqual(['b Beta', 'c Gamma', 'a Zulu']);
  });

  it('are told apart by their number where they have no id', () => {
    expect(distinct([{ items: [{ n: 2 }, { n: 1 }] }, { items: [{ n: 1 }, { n: 0 }] }]).map(({ n }) => n)).toEqual([2, 1, 0]);
  });
});
