import { answer, api, type Device, type DeviceState, type Page } from '$lib/api';

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
