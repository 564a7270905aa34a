import { expect, it } from 'vitest';
import { farewellWords } from './farewell';

// What is between isolates is the name, whatever direction it is written in.
const said = (farewell: { handed: number; lost: number; waiting: number }) => farewellWords('Acme', farewell).map((words) => words.replaceAll(/[\u2066-\u2069]/g, ''));

it('says what became of the work, and nothing about work that there is not', () => {
  expect(said({ handed: 0, lost: 0, waiting: 0 })).toEqual(['Your access to Acme has ended. What this machine held of it is destroyed.']);
  expect(said({ handed: 12, lost: 0, waiting: 0 })).toEqual(['Your access to Acme has ended. What this machine held of it is destroyed.', '12 changes and photos that had not been sent were handed to its administrators.']);
  expect(said({ handed: 1, lost: 2, waiting: 3 }).slice(1)).toEqual([
    '3 changes and photos that had not been sent are sealed and wait for a network, for its administrators.',
    'One change or photo that had not been sent was handed to its administrators.',
    '2 changes, photos or begun devices were lost: the time for them was over, there was no room for them, or nobody could read them.'
  ]);
});
