import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const files = (folder: string): string[] =>
  readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? files(path) : /\.(svelte|ts)$/.test(name) && !name.endsWith('.test.ts') ? [path] : [];
  });
const sources = files(ROOT).map((path) => ({ path: relative(ROOT, path), text: readFileSync(path, 'utf8') }));
const outside = (folder: string) => sources.filter(({ path }) => !path.startsWith(folder));

it('imports the app shell nowhere but in lib/host', () => {
  expect(sources.some(({ path, text }) => path.startsWith('lib/host/') && text.includes('@tauri-apps/')), 'the guard looks at the right files').toBe(true);
  expect(outside('lib/host/').filter(({ text }) => /@tauri-apps|__TAURI/.test(text)).map(({ path }) => path)).toEqual([]);
});

it('asks for capabilities, never for a platform', () => {
  expect(sources.filter(({ text }) => /navigator\.(userAgent|platform)/.test(text)).map(({ path }) => path)).toEqual([]);
});

it('sends requests nowhere but through the host', () => {
  const sends = /\b(?:window\.)?fetch\(|XMLHttpRequest|new WebSocket|new EventSource/;
  expect(outside('lib/host/').filter(({ path, text }) => path !== 'lib/api/index.ts' && sends.test(text.replaceAll(/host\(\)\.fetch\(/g, ''))).map(({ path }) => path)).toEqual([]);
});

it('keeps literal colours in the file of the default brand', () => {
  const style = /<style>([\s\S]*?)<\/style>/;
  const literal = /#[0-9a-f]{3,8}\b|\b(?:rgb|hsl|oklch)a?\(/i;
  expect(sources.filter(({ text }) => literal.test(style.exec(text)?.[1] ?? '')).map(({ path }) => path)).toEqual([]);
  expect(literal.test(readFileSync(join(ROOT, 'lib/brand/base.css'), 'utf8'))).toBe(false);
});

it('lets parts know no feature, and features no route', () => {
  const knows = (folder: string, what: RegExp) => sources.filter(({ path, text }) => path.startsWith(folder) && what.test(text)).map(({ path }) => path);
  expect(knows('lib/', /from '\$features/)).toEqual([]);
  expect(knows('features/', /from '.*routes\//)).toEqual([]);
});

/** What a feature lets other features use of it; everything else of it is its own. */
const DOORS: Record<string, string[]> = {
  accounts: ['accounts', 'left', 'lock'],
  audit: ['ChangeLine.svelte', 'History.svelte'],
  checklist: ['Checks.svelte', 'checks', 'RecordedChecks.svelte', 'words', 'work.svelte'],
  commissioning: ['api', 'AttemptRecord.svelte', 'attempts', 'atWork', 'causes'],
  console: [],
  devices: ['api', 'StateBadge.svelte', 'TakeOver.svelte'],
  identity: ['session', 'SessionLine.svelte', 'signIn', 'SignInFrame.svelte', 'signOut', 'whoami.svelte'],
  models: ['names'],
  organization: [],
  people: ['names'],
  quality: [],
  shell: [],
  sites: ['choice', 'names', 'SiteChoice.svelte'],
  sync: ['compare', 'LeaseGate.svelte', 'sync', 'SyncIndicator.svelte', 'words'],
  telemetry: ['DeviceCurves.svelte']
};

it('lets a feature use of another only what that one offers', () => {
  const features = sources.filter(({ path }) => path.startsWith('features/'));
  const used = features.flatMap(({ path, text }) => [...text.matchAll(/from '\$features\/([a-z]+)\/([^']+)'/g)].map((match) => ({ path, feature: match[1] ?? '', file: match[2] ?? '' })));
  expect(used.length).toBeGreaterThan(20);
  expect(used.filter(({ feature, file }) => !DOORS[feature]?.includes(file)).map(({ path, feature, file }) => `${path}: ${feature}/${file}`)).toEqual([]);
  expect(features.filter(({ text }) => /from '\.\.\//.test(text)).map(({ path }) => path), 'a feature is named, never climbed into').toEqual([]);
  expect([...new Set(features.map(({ path }) => path.split('/')[1]))].filter((feature) => feature && !feature.includes('.') && !(feature in DOORS)), 'every feature stands in the table').toEqual([]);
});

it('knows no two files that need each other', () => {
  const all = new Set(sources.map(({ path }) => path));
  const needs = new Map(sources.map(({ path, text }) => [path, imports(path, text).filter((file) => all.has(file))]));
  expect(needs.get('features/shell/Shell.svelte'), 'the guard follows imports').toContain('features/sync/SyncIndicator.svelte');
  const done = new Set<string>();
  const circle = (path: string, way: string[]): string[] | null => {
    if (way.includes(path)) return [...way.slice(way.indexOf(path)), path];
    if (done.has(path)) return null;
    for (const next of needs.get(path) ?? []) {
      const found = circle(next, [...way, path]);
      if (found) return found;
    }
    done.add(path);
    return null;
  };
  expect([...all].map((path) => circle(path, [])).find((found) => found !== null) ?? null).toBeNull();
});

/** The files that a file imports at run time, as paths of this table. */
function imports(path: string, text: string): string[] {
  const named = [...text.matchAll(/(?:import|export) (?!type)[^;]*? from '([^']+)'/g)].map((match) => match[1] ?? '');
  const bases = named.flatMap((name) => (name.startsWith('$features/') ? [`features/${name.slice(10)}`] : name.startsWith('$lib/') ? [`lib/${name.slice(5)}`] : name.startsWith('.') ? [join(dirname(path), name)] : []));
  return bases.flatMap((base) => [base, `${base}.ts`, `${base}/index.ts`, `${base}/index.svelte.ts`]);
}

it('writes no words for people outside of the Fluent files', () => {
  const offences = sources
    .filter(({ path }) => path.endsWith('.svelte'))
    .flatMap(({ path, text }) => literalWords(text).map((words) => `${path}: ${words}`));
  expect(offences).toEqual([]);
});

/** Text between tags, and texts of attributes that people read, which are not put through Fluent. */
function literalWords(source: string): string[] {
  let markup = source.replace(/<script[\s\S]*?<\/script>/g, '').replace(/<style>[\s\S]*?<\/style>/g, '').replace(/<!--[\s\S]*?-->/g, '');
  for (let before = ''; before !== markup; ) {
    before = markup;
    markup = markup.replace(/\{[^{}]*\}/g, '');
  }
  const attributes = [...markup.matchAll(/\s(?:label|title|text|placeholder|hint|alt|aria-label|lead|action)="([^"]*[A-Za-z]{2}[^"]*)"/g)].map((match) => match[1] ?? '');
  const texts = [...markup.replaceAll(/=>/g, '').matchAll(/>([^<>]*[A-Za-z]{2}[^<>]*)</g)].map((match) => (match[1] ?? '').trim());
  return [...attributes, ...texts];
}
