import { answer, api, type Change, type Device, type DeviceDetail, type DevicePatch, type DeviceState, type NewDevice, type Page, type Reading } from '$lib/api';

export const DEVICES = ['devices'] as const;
export const DEVICE_STATES: DeviceState[] = ['planned', 'claimed', 'online', 'retired'];

/** What a list of devices can be narrowed to; an empty text is no filter. */
export interface DeviceFilter {
  q: string;
  state: string;
  site_id: string;
  model_id: string;
}

/** The filter that a page's address holds. */
export function filterOf(search: URLSearchParams): DeviceFilter {
  const read = (name: string) => search.get(name) ?? '';
  return { q: read('q'), state: read('state'), site_id: read('site_id'), model_id: read('model_id') };
}

/** A query without its empty parts. */
export function filled<T extends object>(query: T): Partial<T> {
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== '' && value !== undefined && value !== null)) as Partial<T>;
}

/** One page of devices. */
export function listDevices(filter: Partial<DeviceFilter>, cursor?: string, limit = 50): Promise<Page<Device>> {
  return answer<Page<Device>>(api().GET('/v1/devices', { params: { query: filled({ ...filter, cursor, limit }) } }));
}

/** Everything about one device, with its readings. */
export function getDevice(id: string): Promise<DeviceDetail> {
  return answer<DeviceDetail>(api().GET('/v1/devices/{id}', { params: { path: { id } } }));
}

/** Adds a device that is expected at a site. */
export function createDevice(body: NewDevice): Promise<Device> {
  return answer<Device>(api().POST('/v1/devices', { body }));
}

/** Changes what the patch names; `null` clears a value. */
export function updateDevice(id: string, body: DevicePatch): Promise<Device> {
  return answer<Device>(api().PATCH('/v1/devices/{id}', { params: { path: { id } }, body }));
}

/** Takes a device out of service for good. */
export function retireDevice(id: string, reason: string): Promise<Device> {
  return answer<Device>(api().POST('/v1/devices/{id}/retire', { params: { path: { id } }, body: { reason: reason.trim() || null } }));
}

/** What was done to a device, newest first. */
export function listChanges(id: string, cursor?: string): Promise<Page<Change>> {
  return answer<Page<Change>>(api().GET('/v1/devices/{id}/changes', { params: { path: { id }, query: filled({ cursor, limit: 20 }) } }));
}

/** One value that a device reported. */
export interface ReadingRow {
  key: string;
  value: Reading;
  at: number | null;
}

/** Readings as rows, whichever of the two shapes of the API they came in. */
export function readingsOf(device: DeviceDetail): ReadingRow[] {
  if (Array.isArray(device.readings)) return device.readings;
  return Object.entries(device.readings ?? {}).map(([key, value]) => ({ key, value, at: device.last_seen_at }));
}
