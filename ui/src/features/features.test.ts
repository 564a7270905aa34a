import { describe, expect, it } from 'vitest';
import { dayStart } from './audit/api';
import { detailLines } from './audit/words';
import { matching, passphraseFault, sorted } from './commissioning/nearby';
import { filled, filterOf } from './devices/api';
import { safeNext } from './identity/session';
import { takeToken } from './identity/token';
import { linkPath } from './shell/links';
import { comparison } from './sync/compare';

const device = (name: string, rssi: number, protocol: 'esp' | 'other' = 'esp') => ({ address: name, name, rssi, seen_at: 0, protocol, planned: null });

describe('nearby devices', () => {
  it('stand nearest first, and strangers last', () => {
    expect(sorted([device('far', -90), device('lamp', -20, 'other'), device('near', -40)]).map(({ name }) => name)).toEqual(['near', 'far', 'lamp']);
  });

  it('are found by their label', () => {
    const label = { name: 'OM-N0001', serial: 'OM-N0001', security: null, username: null, has_pop: true, claim_code: null };
    expect(matching([device('OM-N0002', -40), device('OM-N0001', -80)], label)?.name).toBe('OM-N0001');
    expect(matching([device('OM-N0002', -40)], label)).toBeNull();
  });
});

it('a passphrase that the device would refuse is noticed before it is sent', () => {
  expect(passphraseFault('short', 'wpa2')).toBe('passphrase-short');
  expect(passphraseFault('ä'.repeat(32), 'wpa2'), 'bytes count, not letters').toBe('passphrase-long');
  expect(passphraseFault('press-on-2026', 'wpa2_wpa3')).toBeNull();
  expect(passphraseFault('', 'open')).toBeNull();
  expect(passphraseFault('', null), 'a hidden network may be open').toBeNull();
  expect(passphraseFault('12345', 'wep')).toBeNull();
});

it('after sign-in one lands on paths of ours only', () => {
  expect(safeNext('/devices/dev_1?tab=a')).toBe('/devices/dev_1?tab=a');
  for (const evil of ['https://evil.example', '//evil.example', '/\\evil.example', 'javascript:alert(1)', '/sign-in', null]) expect(safeNext(evil)).toBe('/devices');
});

it('a deep link opens the page it names, its secret in the fragment', () => {
  expect(linkPath('omniot://invitation?token=omi_x&server=https%3A%2F%2Fiot.example')).toBe('/invitation?server=https%3A%2F%2Fiot.example#token=omi_x');
  expect(linkPath('omniot://reset-password?token=omr_x')).toBe('/reset-password#token=omr_x');
  expect(linkPath('omniot://devices')).toBeNull();
  expect(linkPath('nonsense')).toBeNull();
});

it('the secret of a link is read from the fragment', () => {
  expect(takeToken(new URL('https://iot.example/invitation#token=omi_a'))).toBe('omi_a');
  expect(takeToken(new URL('https://iot.example/invitation'))).toBe('');
});

it('filters come from the address, and empty ones are not sent', () => {
  const filter = filterOf(new URLSearchParams('q=lift&state=&other=1'));
  expect(filled({ ...filter, cursor: undefined })).toEqual({ q: 'lift' });
});

it('a day begins at midnight where the reader is, and a broken one nowhere', () => {
  expect(dayStart('2026-03-29', 1)).toBe(new Date(2026, 2, 30).getTime());
  expect(dayStart('soon')).toBeUndefined();
});

it('a refused change stands beside what the server has', () => {
  expect(comparison({ name: 'east' }, { name: 'west', note: 'x' })).toEqual([{ field: 'name', mine: 'east', theirs: 'west', differs: true }]);
});

it('details of an entry read as lines', () => {
  expect(detailLines({ role: { from: 'viewer', to: 'admin' }, fields: ['name', 'note'], reason: null })).toEqual(['role: viewer → admin', 'fields: name, note']);
});
