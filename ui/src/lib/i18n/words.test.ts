import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ACTIONS } from '$features/audit/actions';
import { bundleOf, format, LOCALES } from './words';

const ROOT = join(import.meta.dirname, '../..');
/** Families of keys that are put together from a code; each of them falls back to words for the unknown. */
const OPEN = ['error-', 'cause-', 'next-', 'warning-', 'refused-', 'intent-', 'action-of-', 'party-', 'permission-', 'security-', 'radio-', 'step-', 'sync-error-', 'field-of-', 'reading-', 'trace-kind-', 'trace-outcome-'];

function sources(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) return sources(path);
    return /\.(svelte|ts)$/.test(name) && !name.endsWith('.test.ts') ? [path] : [];
  });
}

const text = sources(ROOT)
  .map((path) => readFileSync(path, 'utf8'))
  .join('\n');
const known = [...bundleOf('en')._messages.keys()];
/** Keys written out in the sources: any quoted text that has the shape of a key and is one. */
const quoted = new Set([...text.matchAll(/['"`]([a-z][a-zA-Z0-9]*(?:-[a-zA-Z0-9]+)+|signal)['"`]/g)].map((match) => match[1] as string));
/** Beginnings of keys that are put together: t(`role-${…}`). */
const families = [...text.matchAll(/`([a-z][a-z0-9-]*-)\$\{/g)].map((match) => match[1] as string);

describe('words', () => {
  it('has words for every key that is written out', () => {
    const calls = [...text.matchAll(/\bt(?:Or)?\(([^`)]*)\)/g), ...text.matchAll(/\bname: ('[a-z]+-[a-z-]+')/g)].map((match) => match[1] as string);
    const called = calls.flatMap((call) => [...call.matchAll(/'([a-z]+(?:-[a-z0-9]+)+)'/g)].map((match) => match[1] as string));
    expect(called.length).toBeGreaterThan(100);
    expect(called.filter((key) => !known.includes(key))).toEqual([]);
  });

  it('has no words that nobody uses', () => {
    const used = (key: string) => quoted.has(key) || families.some((family) => key.startsWith(family));
    expect(known.filter((key) => !used(key))).toEqual([]);
  });

  it('has words for every key that is put together from codes we know', () => {
    const missing = (prefix: string, codes: string[]) => codes.map((code) => prefix + code.replaceAll(/[._]/g, '-')).filter((key) => !known.includes(key));
    expect(missing('action-of-', [...ACTIONS, ...logged('Entry::new')])).toEqual([]);
    expect(missing('party-', logged('\\.target'))).toEqual([]);
    expect(missing('cause-', causes())).toEqual([]);
    expect(missing('next-', causes())).toEqual([]);
    expect(missing('trace-kind-', traced('radio/recorded.rs', /begins\("([a-z_]+)"/g))).toEqual([]);
    expect(missing('trace-outcome-', traced('flight.rs', /(?:\("|, )"?([a-z_]+)", (?:None|Some)/g))).toEqual([]);
    expect(missing('error-', errorCodes())).toEqual([]);
    expect(missing('error-', doorCodes())).toEqual([]);
    expect(missing('permission-', permissions())).toEqual([]);
  });

  it('gives every family that takes unknown codes a fallback', () => {
    const fallbacks = ['error-unknown', 'cause-unknown', 'next-unknown', 'warning-other', 'refused-other', 'intent-other', 'action-of-other', 'party-other', 'permission-other', 'state-unknown', 'step-unknown', 'sync-error-other', 'field-of-other', 'reading-other', 'trace-kind-other', 'trace-outcome-other', 'value-data'];
    expect(fallbacks.filter((key) => !known.includes(key))).toEqual([]);
    expect(OPEN.filter((family) => !families.includes(family))).toEqual([]);
  });

  it('says counts in the plural', () => {
    const bundle = bundleOf('en');
    expect(format(bundle, 'list-count', { count: 1 })).toBe('1 entry shown');
    expect(format(bundle, 'list-count', { count: 3 })).toBe('3 entries shown');
  });

  it('turns every word of the pseudo-locale around, and its placeables not', () => {
    const words = format(bundleOf('ar-XB'), 'nav-you', { name: 'Ada' });
    expect(words).toContain('\u202eYou\u202c');
    expect(words).toContain('\u2068Ada\u2069');
  });

  it('knows all messages in all languages', () => {
    for (const locale of LOCALES) expect([...bundleOf(locale)._messages.keys()]).toEqual(known);
  });
});

/** What the flight recorder writes, in its own words. */
function traced(file: string, words: RegExp): string[] {
  const found = [...readFileSync(join(ROOT, '../../src-tauri/src/commissioning', file), 'utf8').matchAll(words)].map((match) => match[1] as string);
  expect(found.length).toBeGreaterThan(5);
  return found;
}

/** The catalogue of the commissioning engine. */
function causes(): string[] {
  const rust = readFileSync(join(ROOT, '../../src-tauri/src/commissioning/flow/causes.rs'), 'utf8');
  const found = [...rust.matchAll(/= "([a-z0-9_]+)", (?:Retry|Stop|Nothing)/g)].map((match) => match[1] as string);
  expect(found.length).toBeGreaterThan(30);
  return found;
}

/** What the server writes to its log: actions, and the kinds of what they were done to. */
function logged(call: string): string[] {
  const rust = rustFiles(join(ROOT, '../../backend/src')).map((path) => readFileSync(path, 'utf8')).join('\n');
  const found = [...rust.matchAll(new RegExp(`${call}\\("([a-z_.]+)"`, 'g'))].map((match) => match[1] as string);
  expect(found.length).toBeGreaterThan(10);
  return [...new Set(found)];
}

/** The codes of docs/API.md. */
function errorCodes(): string[] {
  const page = readFileSync(join(ROOT, '../../docs/API.md'), 'utf8');
  const table = page.slice(page.indexOf('## Error codes'), page.indexOf('## Operations'));
  // What a device is told about its claim reaches no person through a page.
  const people = table.replaceAll(/of a device's claim:[^|]*/g, '');
  const found = [...people.matchAll(/`([a-z_]+)`/g)].map((match) => match[1] as string).filter((code) => !['field', 'detail'].includes(code));
  expect(found.length).toBeGreaterThan(20);
  return found;
}

/** The codes that the app's own door adds. */
function doorCodes(): string[] {
  const rust = rustFiles(join(ROOT, '../../src-tauri/src')).map((path) => readFileSync(path, 'utf8')).join('\n');
  const patterns = [/\(\s*[45]\d\d,\s*"([a-z_]+)"/g, /Reply::invalid\(\s*"([a-z_]+)"/g, /InvalidLabel::\w+(?:\(_\))? => "([a-z_]+)"/g];
  const found = patterns.flatMap((pattern) => [...rust.matchAll(pattern)].map((match) => match[1] as string));
  expect(found).toEqual(expect.arrayContaining(['disk_full', 'label_unreadable', 'changes_pending', 'invalid_field']));
  return [...new Set(found)];
}

function rustFiles(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) return rustFiles(path);
    return name.endsWith('.rs') && !name.includes('tests') ? [path] : [];
  });
}

/** The permissions of the golden matrix. */
function permissions(): string[] {
  const golden = readFileSync(join(ROOT, '../../shared/roles.golden.txt'), 'utf8');
  return [...golden.matchAll(/^([a-z]+\.[a-z]+)/gm)].map((match) => match[1] as string);
}
