import { createQuery } from '@tanstack/svelte-query';
import { door } from '$lib/api';
import { host } from '$lib/host';

/** What the app says about itself and its radio (`GET /app/host`). */
export interface HostInfo {
  version: string;
  radio: { kind: 'virtual' | 'bluetooth' | 'none'; state: 'ready' | 'off' | 'no_permission' | 'absent' };
}

/** A device in radio range. */
export interface Nearby {
  address: string;
  name: string | null;
  rssi: number | null;
  seen_at: number;
  protocol: 'esp' | 'improv' | 'other';
  planned: { device_id: string; name: string } | null;
}

/** What a label says; its secrets stay in the app's core. */
export interface Label {
  name: string | null;
  serial: string | null;
  security: string | null;
  username: string | null;
  has_pop: boolean;
  claim_code: string | null;
}

export type StepState = 'todo' | 'running' | 'done' | 'failed' | 'skipped';
export type CommissionState = 'running' | 'needs_pop' | 'needs_network' | 'needs_confirm' | 'needs_button' | 'failed' | 'succeeded' | 'cancelled' | 'interrupted';

/** One network that the device sees. */
export interface Network {
  /** Its name's bytes, URL-safe; two networks may read alike. */
  id?: string;
  ssid: string;
  rssi: number;
  auth: string;
}

/** A commission as it stands. */
export interface Commission {
  id: string;
  device: { id: string | null; name: string | null; serial: string | null; model: string | null } | null;
  address: string | null;
  /** What it calls itself, or its label says. */
  advertised?: string | null;
  protocol?: string | null;
  /** Whether it joins Wi-Fi or a Thread mesh. */
  network_kind?: 'wifi' | 'thread';
  /** The device's own page, once it has joined. */
  url?: string | null;
  state: CommissionState;
  step: string | null;
  steps: { step: string; state: StepState; started_at: number | null; duration_ms: number | null; cause: string | null }[];
  networks: Network[];
  /** The network that was tried last, also one that the device does not see. */
  network_name: string | null;
  /** Whether the device took our grant. */
  claimed?: boolean;
  failure: { cause: string; step: string | null; retriable: boolean } | null;
  warnings: string[];
  attempt_id: string | null;
}

export const COMMISSION = ['app', 'commission'] as const;
export const NEARBY = ['app', 'nearby'] as const;
/** States in which nothing is under way. */
const ENDED: CommissionState[] = ['failed', 'succeeded', 'cancelled', 'interrupted'];

/** Whether the commission came to an end, a good one or not. */
export const isOver = ({ state }: Commission): boolean => ENDED.includes(state);

/** Whether the device has joined and only the platform's nod is missing; that comes without the technician. */
export const isJoined = ({ state, step }: Commission): boolean => state === 'running' && step === 'cloud';

/** Why the platform does not get to see, or does not let in, a device that has joined, where somebody can do something about it. */
export function keptOut({ state, steps }: Commission): string | null {
  const cause = state === 'succeeded' ? (steps.find(({ step }) => step === 'cloud')?.cause ?? null) : null;
  return cause === 'cloud_blocked' || cause?.startsWith('contact_') ? cause : null;
}

const position = ({ steps }: Commission, name: string) => steps.findIndex(({ step }) => step === name);

/** What to call its device. */
export const nameOf = ({ device, advertised, address }: Commission): string | null => device?.name ?? device?.serial ?? advertised ?? address;

/** What a device may keep of an attempt that is stopped now: nothing, its owner, or its network too. */
export function stopKind(commission: Commission): 'nothing' | 'owner' | 'network' {
  const at = position(commission, commission.step ?? '');
  if (at >= position(commission, 'apply')) return 'network';
  // Name and password begin to work at once.
  if (commission.protocol === 'improv' && commission.step === 'set_network' && commission.state === 'running') return 'network';
  return commission.claimed === true || at >= position(commission, 'claim') ? 'owner' : 'nothing';
}

/** Whether another network can be chosen after a failure. */
export function canChooseAnew({ state, failure }: Commission): boolean {
  return state === 'failed' && failure !== null && failure.retriable && ['set_network', 'apply', 'join'].includes(failure.step ?? '');
}

/** Whether it goes on only once somebody does something. */
export const waitsForSomebody = ({ state, failure }: Commission): boolean => state.startsWith('needs_') || (state === 'failed' && failure?.retriable === true);

/** The radio of this app. */
export function createHostInfo() {
  return createQuery(() => ({ queryKey: ['app', 'host'], queryFn: () => door<HostInfo>('GET', '/app/host'), enabled: host().has('radio'), refetchInterval: 5_000 }));
}

/** Devices in range, read again on each change. */
export function createNearby(on: () => boolean) {
  return createQuery(() => ({ queryKey: NEARBY, queryFn: () => door<{ items: Nearby[] }>('GET', '/app/radio/nearby'), enabled: on(), refetchInterval: 2_000 }));
}

/** The commission under way, or the last one. */
export function createCommission() {
  return createQuery(() => ({ queryKey: [...COMMISSION, 'current'], queryFn: () => door<Commission | null>('GET', '/app/commissions/current'), enabled: host().has('radio'), refetchInterval: 2_000 }));
}

/** What a crash or a kill left behind. */
export function createUnfinished() {
  return createQuery(() => ({ queryKey: [...COMMISSION, 'unfinished'], queryFn: () => door<{ items: Commission[] }>('GET', '/app/commissions/unfinished'), enabled: host().has('radio') }));
}

export const startScan = () => door('POST', '/app/radio/scan');
export const stopScan = () => door('DELETE', '/app/radio/scan');
export const readLabel = (text: string) => door<Label>('POST', '/app/labels/read', { text });

/** What to commission, and where. */
export interface Start {
  address?: string;
  label?: string;
  site_id: string;
  device_name?: string;
}

export const startCommission = (body: Start) => door<Commission>('POST', '/app/commissions', body);

const act = (id: string, action: string, body?: unknown) => door<Commission>('POST', `/app/commissions/${encodeURIComponent(id)}/${action}`, body);
/** A network from the device's list by its `network_id`, any other by its name. */
export type GivenNetwork = ({ network_id: string } | { ssid: string }) & { passphrase: string; remember: boolean };

export const giveNetwork = (id: string, body: GivenNetwork) => act(id, 'network', body);
/** The dataset of a mesh, as its border router prints it. */
export const giveDataset = (id: string, body: { dataset: string; remember: boolean }) => act(id, 'network', body);
export const givePop = (id: string, pop: string) => act(id, 'pop', { pop });
export const confirmIdentity = (id: string, confirmed: boolean) => act(id, 'identify', { confirmed });
export const retryCommission = (id: string) => act(id, 'retry');
export const cancelCommission = (id: string) => act(id, 'cancel');

/** Leaves a commission that is over or needs nobody any more. A failure that might be mended is given up first. */
export async function leaveCommission(commission: Commission): Promise<void> {
  if (commission.state === 'failed' && commission.failure?.retriable) await cancelCommission(commission.id);
  await door('DELETE', '/app/commissions/current');
}

/** Stops a commission wherever it is, and leaves it. */
export async function abandonCommission({ id }: Commission): Promise<void> {
  await cancelCommission(id).catch(() => undefined);
  await door('DELETE', '/app/commissions/current');
}

/** Takes an interrupted one off the list; its record stays. */
export const dismissUnfinished = (id: string) => door('DELETE', `/app/commissions/unfinished/${encodeURIComponent(id)}`);
