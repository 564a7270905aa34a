import { createQuery } from '@tanstack/svelte-query';
import { DEVICES } from '$features/devices/api';
import { answer, api, type DeviceTelemetry } from '$lib/api';
import { HOUR_MS, merged } from './curves';

/** How often the hours that grow are read again while somebody looks. */
const FRESH_MS = 30_000;
/** How often the whole day is: a late reading may reach an hour that is over. */
const WHOLE_MS = 10 * 60_000;

/** What a device measured since then; in the last 24 hours when nothing is said. */
function getTelemetry(id: string, from?: number): Promise<DeviceTelemetry> {
  return answer<DeviceTelemetry>(api().GET('/v1/devices/{id}/telemetry', { params: { path: { id }, query: from === undefined ? {} : { from } } }));
}

/** The last day of a device, kept fresh: the whole of it now and then, the last two hours often. */
export function createTelemetry(id: () => string) {
  const key = (part: string) => [...DEVICES, id(), 'telemetry', part];
  const day = createQuery(() => ({ queryKey: key('day'), queryFn: () => getTelemetry(id()), refetchInterval: WHOLE_MS }));
  const latest = createQuery(() => ({
    queryKey: key('latest'),
    queryFn: () => getTelemetry(id(), Date.now() - HOUR_MS),
    refetchInterval: FRESH_MS,
    enabled: day.data !== undefined
  }));
  return {
    get data(): DeviceTelemetry | undefined {
      return day.data && merged(day.data, latest.data);
    },
    get error() {
      return day.error;
    },
    refetch: () => day.refetch()
  };
}
