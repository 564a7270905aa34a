import type { Label, Nearby } from './door';

/** Devices that can be commissioned first, then the nearest first; names settle what is equal. */
export function sorted(items: Nearby[]): Nearby[] {
  const ready = (item: Nearby) => (item.protocol === 'other' ? 1 : 0);
  return [...items].sort((a, b) => ready(a) - ready(b) || (b.rssi ?? -127) - (a.rssi ?? -127) || (a.name ?? a.address).localeCompare(b.name ?? b.address));
}

/** The device in range that a label belongs to. */
export function matching(items: Nearby[], label: Label | null): Nearby | null {
  if (!label) return null;
  return items.find((item) => item.name !== null && (item.name === label.name || item.name === label.serial)) ?? null;
}

/** Shortest and longest passphrase by the kind of network, in bytes; what is not named is a WPA network. */
const LENGTHS: Record<string, [number, number]> = { open: [0, 63], wep: [5, 26] };
const WPA: [number, number] = [8, 63];

/**
 * What is wrong with a passphrase before it is sent: the device's driver would refuse it without a word.
 * `auth` is null for a network that the device does not see; that one may be open.
 */
export function passphraseFault(passphrase: string, auth: string | null): 'passphrase-short' | 'passphrase-long' | null {
  const bytes = new TextEncoder().encode(passphrase).length;
  if (auth === null && bytes === 0) return null;
  const [least, most] = LENGTHS[auth ?? ''] ?? WPA;
  if (bytes < least) return 'passphrase-short';
  return bytes > most ? 'passphrase-long' : null;
}
