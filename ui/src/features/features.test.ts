import { describe, expect, it } from 'vitest';
import { dayStart } from './audit/api';
import { detailLines } from './audit/words';
import { workOf } from './commissioning/atWork';
import { canChooseAnew, type Commission, isJoined, keptOut, stopKind } from './commissioning/door';
import { arranged, matching, namesDevice, sorted } from './commissioning/nearby';
import { ANOTHER, keyOf, passphraseFault, proposal } from './commissioning/networks';
import { filled, filterOf } from './devices/api';
import { safeNext } from './identity/session';
import { takeToken } from './identity/token';
import { linkPath } from './shell/links';
import { mailLink } from './console/mailLink';
import { hostOf, originOf } from './identity/servers';
import { comparison, targetName } from './sync/compare';
import type { Sync } from './sync/sync';
import { errorWords, shortWords, syncWords } from './sync/words';
import { bundleOf, format } from '$lib/i18n/words';

const device = (name: string, rssi: number, protocol: 'esp' | 'other' = 'esp') => ({ address: name, name, rssi, seen_at: 0, protocol, planned: null });

describe('nearby devices', () => {
  it('stand nearest first, and strangers last', () => {
    expect(sorted([device('far', -90), device('lamp', -20, 'other'), device('near', -40)]).map(({ name }) => name)).toEqual(['near', 'far', 'lamp']);
  });

  it('stay where they stand while signals come and go, and new ones come last', () => {
    const before = ['near', 'far', 'lamp'];
    const now = [device('new', -20), device('far', -30), device('lamp', -10, 'other'), device('near', -90), device('newer', -50)];
    expect(arranged(now, before).map(({ name }) => name)).toEqual(['near', 'far', 'new', 'newer', 'lamp']);
    expect(arranged([device('far', -30)], before).map(({ name }) => name)).toEqual(['far']);
  });

  it('are found by their label', () => {
    const label = { name: 'OM-N0001', serial: 'OM-N0001', security: null, username: null, has_pop: true, claim_code: null };
    expect(matching([device('OM-N0002', -40), device('OM-N0001', -80)], label)?.name).toBe('OM-N0001');
    expect(matching([device('OM-N0002', -40)], label)).toBeNull();
    expect(namesDevice(label)).toBe(true);
    expect(namesDevice({ ...label, name: null, serial: null, claim_code: 'ABCD' }), 'a claim code names none').toBe(false);
  });
});

describe('a commission', () => {
  const steps = ['connect', 'claim', 'set_network', 'apply', 'join', 'cloud'].map((step) => ({ step, state: 'todo' as const, started_at: null, duration_ms: null, cause: null }));
  const at = (step: string, more: Partial<Commission> = {}): Commission => ({
    id: 'att_1', device: null, address: null, state: 'running', step, steps, networks: [], network_name: null, claimed: false, failure: null, warnings: [], attempt_id: null, ...more
  });

  it('is not simply done where the platform lets the device not in', () => {
    const seen = (cause: string | null) => keptOut(at('cloud', { state: 'succeeded', steps: steps.map((step) => (step.step === 'cloud' ? { ...step, state: 'skipped' as const, cause } : step)) }));
    expect(['contact_key_mismatch', 'cloud_blocked', 'offline_deferred', 'not_yet_seen', null].map(seen)).toEqual(['contact_key_mismatch', 'cloud_blocked', null, null, null]);
  });

  it('says truly what a device keeps when it is stopped', () => {
    expect(stopKind(at('connect'))).toBe('nothing');
    expect(stopKind(at('claim')), 'the answer may be under way').toBe('owner');
    expect(stopKind(at('connect', { claimed: true })), 'on a new link').toBe('owner');
    expect(stopKind(at('join'))).toBe('network');
  });

  it('takes another network when the last one was the trouble, and only then', () => {
    const failed = (step: string, retriable = true) => at(step, { state: 'failed', failure: { cause: 'join_timeout', step, retriable } });
    for (const step of ['set_network', 'apply', 'join']) expect(canChooseAnew(failed(step))).toBe(true);
    expect(canChooseAnew(failed('claim'))).toBe(false);
    expect(canChooseAnew(failed('join', false)), 'it is over').toBe(false);
  });

  it('is not said to be ours when it is not', () => {
    const words = (claimed: string, joined: string) => format(bundleOf('en'), 'commission-succeeded-text', { claimed, joined });
    expect(words('yes', 'yes')).toBe('It belongs to your organization. It has joined its network. The record is kept and syncs by itself.');
    expect(words('no', 'yes')).toContain('It does not belong to your organization');
    expect(words('yes', 'probably')).toContain('It has probably joined');
  });

  it('needs nobody any more once it only waits to be seen', () => {
    expect(isJoined(at('cloud'))).toBe(true);
    expect(isJoined(at('join'))).toBe(false);
  });

  it('is at work while its device is, and a visit between two of them; nothing that waits for its technician is', () => {
    const visit = (more: object) => ({ auto: true, going: true, counts: { waiting: 2, running: 0, done: 1, failed: 0 }, ...more });
    expect(workOf(at('join'), null)).toBe('device');
    expect([workOf(at('cloud'), null), workOf(null, null)], 'it only waits to be seen').toEqual([null, null]);
    for (const over of [null, at('cloud'), at('cloud', { state: 'succeeded' }), at('join', { state: 'failed' })]) expect(workOf(over, visit({}))).toBe('between');
    for (const state of ['needs_pop', 'needs_network', 'needs_confirm', 'needs_button'] as const) expect(workOf(at('join', { state }), visit({})), state).toBeNull();
    for (const still of [{ auto: false }, { going: false }, { counts: { waiting: 0, running: 0, done: 3, failed: 0 } }]) expect(workOf(null, visit(still))).toBeNull();
  });
});

it('a passphrase that the device would refuse is noticed before it is sent', () => {
  expect(passphraseFault('short', 'wpa2')).toBe('passphrase-short');
  expect(passphraseFault('ä'.repeat(32), 'wpa2'), 'bytes count, not letters').toBe('passphrase-long');
  expect(passphraseFault('press-on-2026', 'wpa2_wpa3')).toBeNull();
  expect(passphraseFault('', 'open')).toBeNull();
  expect(passphraseFault('', null), 'a hidden network may be open').toBeNull();
  expect(passphraseFault('12345', null), '… or protected by WEP').toBeNull();
  expect(passphraseFault('12345', 'wep')).toBeNull();
  expect(passphraseFault('1234', 'wep'), 'not the words for WPA').toBe('passphrase-wep');
});

describe('the network that is proposed', () => {
  const network = (ssid: string, rssi: number, auth = 'wpa2', id = `id-${ssid}`) => ({ id, ssid, rssi, auth });
  const seen = [network('Far', -80), network('Staff', -30, 'wpa2_enterprise'), network('Near', -40)];

  it('is the one tried last, also when the device does not see it', () => {
    expect(proposal(seen, 'Far', 'Near')).toEqual({ key: 'id-Far', name: '' });
    expect(proposal(seen, 'Cellar', 'Near')).toEqual({ key: ANOTHER, name: 'Cellar' });
  });

  it('else the one of the device before, else the strongest that a passphrase opens', () => {
    expect(proposal(seen, null, 'Far').key).toBe('id-Far');
    expect(proposal(seen, null, 'Elsewhere').key).toBe('id-Near');
    expect(proposal([network('Staff', -30, 'wpa2_enterprise')], null, 'Staff').key).toBe(ANOTHER);
  });

  it('has a key of its own also when two read alike', () => {
    expect(keyOf(network('Caf\ufffd', -40, 'wpa2', 'Q2Fm_w'))).not.toBe(keyOf(network('Caf\ufffd', -40, 'wpa2', 'Q2Fm_g')));
  });
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

describe('a change that needs attention', () => {
  it('stands beside what the server has, without ids and without what is empty on both sides', () => {
    expect(comparison({ id: 'dev_1', name: 'east', note: null, address: '' }, { id: 'dev_1', name: 'west', note: null, address: null, sku: 'x' })).toEqual([{ field: 'name', mine: 'east', theirs: 'west', differs: true }]);
  });

  it('goes by a name that people know, never by an id', () => {
    const target = { kind: 'device', id: 'dev_1', name: null };
    expect(targetName({ target, mine: { id: 'dev_1' }, theirs: { name: 'Lift 2', serial: 'OM-N0001' } })).toBe('Lift 2');
    expect(targetName({ target, mine: { serial: 'OM-N0001' }, theirs: null })).toBe('OM-N0001');
    expect(targetName({ target, mine: null, theirs: null })).toBeNull();
  });
});

it('details of an entry read as lines of words', () => {
  expect(detailLines({ role: { from: 'viewer', to: 'admin' }, fields: ['name', 'time_zone'], overtaken: [], reason: null, strange_thing: 'x' })).toEqual(['Role: Viewer → Admin', 'Changed: Name, Time zone', 'strange thing: x']);
});

describe('the sync state in words', () => {
  const sync: Sync = { state: 'synced', synced_at: new Date(2026, 2, 4, 14, 5).getTime(), pending: 0, attention: 0, clock_skew_ms: 0, bytes_in: 0, bytes_out: 0 };
  const [soon, nextDay] = [new Date(2026, 2, 4, 14, 9).getTime(), new Date(2026, 2, 5, 8, 0).getTime()];

  it('says since when it is offline, with the day when that is not today', () => {
    const offline: Sync = { ...sync, state: 'offline', pending: 2 };
    expect(syncWords(offline, soon)).toEqual(['Offline · synced to 02:05 PM', '2 pending']);
    expect(syncWords(offline, nextDay)[0]).toBe('Offline · synced to Wed 02:05 PM');
    expect(syncWords({ ...offline, synced_at: null }, soon)[0]).toBe('Offline · not synced yet');
  });

  it('says the most pressing where there is little room', () => {
    expect(shortWords(sync, soon)).toBe('Synced to 02:05 PM');
    expect(shortWords({ ...sync, pending: 3 }, soon)).toBe('3 pending');
    expect(shortWords({ ...sync, state: 'offline', pending: 3, attention: 1 }, soon)).toBe('Offline · 1 to look at');
  });

  it('says why it stopped, and has words for what it does not know', () => {
    expect(errorWords({ code: 'disk_full', detail: null })).toContain('Free some space');
    expect(errorWords({ code: 'strange', detail: null })).toContain('strange');
  });
});

it("in the window a mail's link opens our own page at the mail's server; in the browser it is an ordinary link", () => {
  const link = 'https://iot.example/invitation#token=omi_x';
  expect(mailLink(link, true)).toBe('/invitation?server=https%3A%2F%2Fiot.example#token=omi_x');
  expect(mailLink(link, false)).toBe(link);
});

it('a server is what its origin says, however it is written', () => {
  expect(originOf('https://iot.example/')).toBe(originOf('https://IOT.example'));
  for (const none of ['', 'iot.example', 'javascript:alert(1)', 'omniot://x']) expect(originOf(none)).toBeNull();
  expect(hostOf('https://iot.example:8443/x'), 'what looks like somebody else is told apart').toBe('iot.example:8443');
  expect(hostOf('https://оmniot.example')).toMatch(/^xn--/);
});
