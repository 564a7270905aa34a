import type { Network } from './door';

/** The choice of a network that is not in the list. */
export const ANOTHER = '\u0000another';

/** What tells a network from all others of its list; names alone do not. */
export const keyOf = (network: Network): string => network.id ?? network.ssid;

/** Whether a passphrase is enough to join it. An enterprise network asks for a user account, which a device has not. */
export const isJoinable = ({ auth }: Network): boolean => !auth.endsWith('_enterprise');

/** The strongest first. */
export const strongest = (networks: Network[]): Network[] => [...networks].sort((a, b) => b.rssi - a.rssi);

/**
 * What is chosen before the technician chooses: the network tried last, also one that the device does not see;
 * then the one used for the device before; then the strongest.
 */
export function proposal(networks: Network[], tried: string | null, before: string | null): { key: string; name: string } {
  const joinable = strongest(networks).filter(isJoinable);
  const named = (name: string | null) => joinable.find(({ ssid }) => ssid === name);
  const found = named(tried) ?? (tried ? undefined : (named(before) ?? joinable[0]));
  return found ? { key: keyOf(found), name: '' } : { key: ANOTHER, name: tried ?? '' };
}

/** Shortest and longest passphrase by the kind of network, in bytes; what is not named is a WPA network. */
const LENGTHS: Record<string, [number, number]> = { open: [0, 63], wep: [5, 26] };
const WPA: [number, number] = [8, 63];

/**
 * What is wrong with a passphrase before it is sent: the device's driver would refuse it without a word.
 * `auth` is null for a network that the device does not see; that one may be open, and so may one of a kind that is not known.
 */
export function passphraseFault(passphrase: string, auth: string | null): 'passphrase-short' | 'passphrase-long' | 'passphrase-wep' | null {
  const bytes = new TextEncoder().encode(passphrase).length;
  // Five characters are a short WEP key.
  if ((auth === null || auth === 'unknown') && (bytes === 0 || bytes === 5)) return null;
  const [least, most] = LENGTHS[auth ?? ''] ?? WPA;
  if (bytes >= least && bytes <= most) return null;
  if (auth === 'wep') return 'passphrase-wep';
  return bytes < least ? 'passphrase-short' : 'passphrase-long';
}
