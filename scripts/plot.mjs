// node scripts/plot.mjs <file.svg>: passes a report of `make bench` on, and draws its figures beside their marks.
// Each bar is figure ÷ mark, so that what reaches over the line misses its mark.
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const COLOURS = { sqlite: '#0b6e8f', postgres: '#7a4fa3' };
const [WIDTH, LEFT, BAR, ROOM] = [760, 400, 14, 330];
const LONGEST = 3;

/** The numbers of a text, in order. */
const numbers = (text) => (text.match(/\d+(?:\.\d+)?/g) ?? []).map(Number);

let engine = 'sqlite';

/** The bars of a line: one for each mark that it names. A line that names no engine is of the one before. */
function barsOf(line) {
  const named = /^(.*?), (sqlite|postgres) +(.*)$/.exec(line) ?? /^ *(.*?) {2,}()(.*)$/.exec(line);
  if (!named) return [];
  engine = named[2] || engine;
  const [figure, mark] = named[3].split('≤');
  if (!mark) return [];
  const marks = numbers(mark.split('where')[0]);
  const percentiles = figure.match(/p\d+/g) ?? [];
  const figures = numbers(figure.replaceAll(/p\d+/g, ''));
  const name = named[1].trim();
  return marks.map((most, n) => ({ name: [name, percentiles[n]].filter(Boolean).join(', '), engine, figure: figures[n], share: figures[n] / most, mark: most }));
}

const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

function drawn(bars) {
  const names = [...new Set(bars.map((bar) => bar.name))];
  const x = (share) => LEFT + (Math.min(share, LONGEST) / LONGEST) * ROOM;
  let y = 34;
  const parts = [];
  for (const name of names) {
    parts.push(`<text x="${LEFT - 10}" y="${y + BAR}" text-anchor="end">${escaped(name)}</text>`);
    for (const bar of bars.filter((bar) => bar.name === name)) {
      const end = x(bar.share);
      parts.push(`<rect x="${LEFT}" y="${y}" width="${(end - LEFT).toFixed(1)}" height="${BAR - 3}" fill="${COLOURS[bar.engine]}"/>`);
      parts.push(`<text x="${(end + 5).toFixed(1)}" y="${y + BAR - 4}" class="small">${bar.figure} of ${bar.mark}</text>`);
      y += BAR;
    }
    y += 10;
  }
  const legend = Object.entries(COLOURS).map(([engine, colour], n) => `<rect x="${LEFT + n * 100}" y="8" width="10" height="10" fill="${colour}"/><text x="${LEFT + 15 + n * 100}" y="17" class="small">${engine}</text>`);
  const line = `<line x1="${x(1)}" x2="${x(1)}" y1="26" y2="${y}" stroke="#c0392b" stroke-dasharray="3 3"/>`;
  const style = '<style>text{font:12px sans-serif;fill:#333}.small{font-size:10px}</style>';
  const title = '<title>Each figure beside its mark, the dashed line</title>';
  return `<svg xmlns="http://www.w3.org/2000/svg" role="img" width="${WIDTH}" height="${y + 6}" viewBox="0 0 ${WIDTH} ${y + 6}">${title}${style}<rect width="100%" height="100%" fill="#fff"/>${legend.join('')}${parts.join('')}${line}</svg>\n`;
}

const bars = [];
for await (const line of createInterface({ input: process.stdin })) {
  console.log(line);
  bars.push(...barsOf(line));
}
if (bars.length > 0) writeFileSync(process.argv[2], drawn(bars));
