import { answer, api, type AsShown, type Change, type Device, type DeviceDetail, type DevicePatch, type DeviceRelease, type DeviceState, door, filled, type NewDevice, type Page, type ReceivedRelease, type RefusedContact, type WaitingDevice, type WaitsFor } from '$lib/api';
import { host } from '$lib/host';

export { filled } from '$lib/api';

export const DEVICES = ['devices'] as const;
/** How often everything about one device is read again while it is looked at. */
export const FRESH_MS = 15_000;
export const DEVICE_STATES: DeviceState[] = ['planned', 'claimed', 'online', 'retired'];

export const WAITS_FOR: WaitsFor[] = ['contact', 'record'];

/** What a list of devices can be narrowed to; an empty text is no filter. */
export interface DeviceFilter {
  q: string;
  state: DeviceState | '';
  site_id: string;
  model_id: string;
  /** `true`: what is on one's own list. */
  bookmarked: 'true' | '';
}

/** The filter that a page's address holds. */
export function filterOf(search: URLSearchParams): DeviceFilter {
  const read = (name: string) => search.get(name) ?? '';
  return { q: read('q'), state: DEVICE_STATES.find((state) => state === read('state')) ?? '', site_id: read('site_id'), model_id: read('model_id'), bookmarked: read('bookmarked') === 'true' ? 'true' : '' };
}

/** One page of devices. */
export function listDevices(filter: Partial<DeviceFilter>, cursor?: string, limit = 50): Promise<Page<Device>> {
  const { bookmarked, ...rest } = filter;
  return answer<Page<Device>>(api().GET('/v1/devices', { params: { query: filled({ ...rest, bookmarked: bookmarked ? true : undefined, cursor, limit }) } }));
}

/** What the app says of a device while the server cannot be asked. */
export type KnownDevice = DeviceDetail & { last_seen_unknown?: boolean };

/** Everything about one device, with its readings. */
export function getDevice(id: string): Promise<KnownDevice> {
  return answer<KnownDevice>(api().GET('/v1/devices/{id}', { params: { path: { id } } }));
}

/** Adds a device that is expected at a site. */
export function createDevice(body: NewDevice): Promise<Device> {
  return answer<Device>(api().POST('/v1/devices', { body }));
}

/** Changes what the patch names; `null` clears a value. */
export function updateDevice(id: string, body: AsShown<DevicePatch>): Promise<Device> {
  return answer<Device>(api().PATCH('/v1/devices/{id}', { params: { path: { id } }, body }));
}

/** Takes a device out of service for good. */
export function retireDevice(id: string, reason: string): Promise<Device> {
  return answer<Device>(api().POST('/v1/devices/{id}/retire', { params: { path: { id } }, body: { reason: reason.trim() || null } }));
}

/** Puts a device on one's own list; without a note, what is noted there stays. */
export function setBookmark(id: string, body: AsShown<{ note?: string | null }> = {}): Promise<Device> {
  return answer<Device>(api().PUT('/v1/devices/{id}/bookmark', { params: { path: { id } }, body }));
}

/** Takes a device off one's own list, and with it the note that was shown. */
export async function removeBookmark(id: string, note: string | null): Promise<void> {
  await answer(api().DELETE('/v1/devices/{id}/bookmark', { params: { path: { id } }, body: { was: { note } } }));
}

/** What was done to a device, newest first. */
export function listChanges(id: string, cursor?: string): Promise<Page<Change>> {
  return answer<Page<Change>>(api().GET('/v1/devices/{id}/changes', { params: { path: { id }, query: filled({ cursor, limit: 20 }) } }));
}

/** The release of a device: the one that is open, or a new one. */
export function releaseDevice(id: string): Promise<DeviceRelease> {
  return answer<DeviceRelease>(api().POST('/v1/devices/{id}/release', { params: { path: { id } } }));
}

/** Takes the release of a device back. */
export async function withdrawRelease(id: string): Promise<void> {
  await answer(api().DELETE('/v1/devices/{id}/release', { params: { path: { id } } }));
}

/** Has the key that a device proved forgotten, for one with another key that was refused; `heir`: also for one that has not shown that it is the device. */
export async function forgetDeviceKey(id: string, heir: 'proven' | 'unproven'): Promise<void> {
  await answer(api().DELETE('/v1/devices/{id}/key', { params: { path: { id }, query: { heir } } }));
}

/** The cause of the catalogue that says why a device was refused. */
export function causeOfRefusal(refused: RefusedContact): string {
  return `contact_${refused.code}`;
}

/** Takes in the release of another organization. The app keeps it on this machine, where it is of use without a connection. */
export function receiveRelease(text: string): Promise<ReceivedRelease> {
  return host().has('sync') ? door<ReceivedRelease>('POST', '/app/releases', { text }) : answer<ReceivedRelease>(api().POST('/v1/releases', { body: { text } }));
}

/** One page of the devices that wait for their first contact or their record. */
export function listWaiting(waits_for: WaitsFor | '', cursor?: string, limit = 50): Promise<Page<WaitingDevice>> {
  return answer<Page<WaitingDevice>>(api().GET('/v1/devices/waiting', { params: { query: filled({ waits_for: waits_for || undefined, cursor, limit }) } }));
}
