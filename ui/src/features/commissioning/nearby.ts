import type { Label, Nearby } from './door';

const ORDER: Record<Nearby['protocol'], number> = { esp: 0, improv: 1, other: 2 };
const ready = (item: Nearby) => ORDER[item.protocol];

/** Devices that can be commissioned first, protected ones before the others, then the nearest first; names settle what is equal. */
export function sorted(items: Nearby[]): Nearby[] {
  return [...items].sort((a, b) => ready(a) - ready(b) || (b.rssi ?? -127) - (a.rssi ?? -127) || (a.name ?? a.address).localeCompare(b.name ?? b.address));
}

/**
 * The same devices where they stood `before` (addresses), so that no other one slips under a finger when a signal
 * comes and goes. New ones come last among their kind.
 */
export function arranged(items: Nearby[], before: readonly string[]): Nearby[] {
  const places = new Map(before.map((address, place) => [address, place]));
  const place = ({ address }: Nearby) => places.get(address) ?? before.length;
  return sorted(items).sort((a, b) => ready(a) - ready(b) || place(a) - place(b));
}

/** The device in range that a label belongs to. */
export function matching(items: Nearby[], label: Label | null): Nearby | null {
  if (!label) return null;
  return items.find((item) => item.name !== null && (item.name === label.name || item.name === label.serial)) ?? null;
}

/** Whether a label names its device; a claim code alone says only whether a device is the right one. */
export function namesDevice(label: Label): boolean {
  return label.name !== null || label.serial !== null;
}
