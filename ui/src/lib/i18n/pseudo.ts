/**
 * A right-to-left locale made from English, so that layout and words can be checked without a translator.
 * Each word is shown mirrored by direction marks; a text that stays plain was never put through Fluent.
 */
const OVERRIDE = '\u202e';
const END = '\u202c';

/** The text of a message with each word's direction turned around. */
export function turnAround(text: string): string {
  return text.replace(/[\p{L}\p{N}][\p{L}\p{N}'’]*/gu, (word) => `${OVERRIDE}${word}${END}`);
}
