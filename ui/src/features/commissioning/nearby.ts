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

/** Shortest and longest passphrase that a WPA network takes. */
export const PASSPHRASE = { min: 8, max: 63 };

/** What is wrong with a passphrase before it is sent: the device's driver would refuse it without a word. */
export function passphraseFault(passphrase: string, open: boolean): 'passphrase-short' | 'passphrase-long' | null {
  if (open) return null;
  const bytes = new TextEncoder().encode(passphrase).length;
  if (bytes < PASSPHRASE.min) return 'passphrase-short';
  return bytes > PASSPHRASE.max ? 'passphrase-long' : null;
}
