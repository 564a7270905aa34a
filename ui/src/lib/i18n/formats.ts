/** Numbers and moments in words. Pure: language, zone and the present come in as parameters. */

const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 31_536_000_000],
  ['month', 2_592_000_000],
  ['week', 604_800_000],
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000]
];

/** A language with the habits of a region: that of the first of the languages a person wants that names one. English on an Austrian machine is `en-AT`, with 24 hours a day. */
export function habits(locale: string, wanted: readonly string[]): string {
  const region = wanted.map(regionOf).find((found) => found !== undefined);
  return region === undefined || regionOf(locale) !== undefined ? locale : `${locale}-${region}`;
}

function regionOf(tag: string): string | undefined {
  try {
    return new Intl.Locale(tag).region;
  } catch {
    // What a machine says is not always a tag.
    return undefined;
  }
}

/** "5 minutes ago", "in 3 days"; less than a minute is "now". */
export function relative(at: number, now: number, locale: string): string {
  const words = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' });
  const away = at - now;
  for (const [unit, size] of UNITS) {
    if (Math.abs(away) >= size) return words.format(Math.trunc(away / size), unit);
  }
  return words.format(0, 'second');
}

/** Date and time in `zone` (or where the person is); in UTC, and saying so, where the zone is not known here. */
export function moment(at: number, locale: string, zone?: string): string {
  const known = zone === undefined || isTimeZone(zone);
  const words = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short', ...(zone ? { timeZone: known ? zone : 'UTC' } : {}) }).format(at);
  return known ? words : `${words} UTC`;
}

/** Whether this machine knows the time zone of that name. */
export function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

/** Hours and minutes only. */
export function clock(at: number, locale: string): string {
  return new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit' }).format(at);
}

/** Hours and minutes; with the day when that is not today. */
export function dayClock(at: number, now: number, locale: string): string {
  const today = new Date(at).toDateString() === new Date(now).toDateString();
  if (today) return clock(at, locale);
  const near = Math.abs(now - at) < 6 * 86_400_000;
  return new Intl.DateTimeFormat(locale, { ...(near ? { weekday: 'short' } : { day: 'numeric', month: 'short' }), hour: '2-digit', minute: '2-digit' }).format(at);
}

/** A duration, short: `840 ms`, `3.2 sec`, `2 min`, `3 hr`, `4 days`. */
export function duration(ms: number, locale: string): string {
  const unit = (value: number, name: string, digits: number) =>
    new Intl.NumberFormat(locale, { style: 'unit', unit: name, unitDisplay: 'short', maximumFractionDigits: digits }).format(value);
  if (ms < 1_000) return unit(ms, 'millisecond', 0);
  if (ms < 60_000) return unit(ms / 1_000, 'second', 1);
  if (ms < 3_600_000) return unit(ms / 60_000, 'minute', 1);
  if (ms < 172_800_000) return unit(ms / 3_600_000, 'hour', 1);
  return unit(ms / 86_400_000, 'day', 1);
}

/** A share of a whole: `94%`. */
export function share(part: number, locale: string): string {
  return new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 0 }).format(part);
}

/** So many bytes, short: `830 byte`, `1.2 MB`. */
export function bytes(count: number, locale: string): string {
  const unit = (value: number, name: string) => new Intl.NumberFormat(locale, { style: 'unit', unit: name, unitDisplay: 'short', maximumFractionDigits: 1 }).format(value);
  if (count < 1_000) return unit(count, 'byte');
  if (count < 1_000_000) return unit(count / 1_000, 'kilobyte');
  return unit(count / 1_000_000, 'megabyte');
}

/** A number. */
export function number(value: number, locale: string): string {
  return new Intl.NumberFormat(locale, { maximumFractionDigits: 3 }).format(value);
}

/** The time zones this machine knows, for a choice. */
export function timeZones(): string[] {
  return Intl.supportedValuesOf('timeZone');
}

/** Where this machine is. */
export function ownTimeZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}
