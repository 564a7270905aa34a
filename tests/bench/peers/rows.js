// The rows that everybody holds: as wide as devices are, with keys in the order of time.
import { randomBytes } from 'node:crypto';

/** A UUIDv7 (RFC 9562, section 5.7). */
export function uuid7() {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(Date.now(), 0, 6);
  bytes[6] = 0x70 | (bytes[6] & 0x0f);
  bytes[8] = 0x80 | (bytes[8] & 0x3f);
  return bytes.toString('hex').replace(/(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

const hex = () => uuid7().replaceAll('-', '');

/** So many devices of a few sites and models. */
export function devices(count) {
  const [models, sites] = [4, 40].map((many) => Array.from({ length: many }, hex));
  return Array.from({ length: count }, (_, n) => ({
    id: `dev_${hex()}`,
    serial: `OM-${(n * 7919).toString(16).toUpperCase().padStart(8, '0')}`,
    name: `Temperature sensor ${n}, hall ${n % 40}`,
    model_id: `mod_${models[n % 4]}`,
    site_id: `sit_${sites[n % 40]}`,
    note: null,
    state: 'planned',
    created_at: Date.now(),
  }));
}
