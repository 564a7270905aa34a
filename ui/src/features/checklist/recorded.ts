import { createQuery } from '@tanstack/svelte-query';
import { answer, api, asProblem, type AttemptChecks, type CheckRecord } from '$lib/api';
import { host } from '$lib/host';
import { readChecks } from './checks';

/** What was recorded at a device, and the photos that belong to it. */
export interface Recorded {
  record: CheckRecord | null;
  photos: { sha256: string }[];
  /** Made on this machine by who is signed in: it can be added to. */
  own: boolean;
}

const NOTHING: Recorded = { record: null, photos: [], own: false };

/** The newer of two records, and the photos of both. */
export function newest(here: Recorded | null, there: Recorded | null): Recorded {
  const [one, other] = (there?.record?.at ?? -1) > (here?.record?.at ?? -1) ? [there, here] : [here, there];
  const shas = new Set([...(one?.photos ?? []), ...(other?.photos ?? [])].map(({ sha256 }) => sha256));
  return { record: one?.record ?? other?.record ?? null, photos: [...shas].map((sha256) => ({ sha256 })), own: here !== null };
}

/** What this machine holds of an attempt that was made here; null: it was made elsewhere. */
async function here(attempt: string): Promise<Recorded | null> {
  if (!host().has('radio')) return null;
  try {
    const { record, photos } = await readChecks(attempt);
    return { record, photos, own: true };
  } catch (thrown) {
    if (asProblem(thrown).code === 'not_found') return null;
    throw thrown;
  }
}

async function ofServer(id: string): Promise<Recorded> {
  const { record, photos } = await answer<AttemptChecks>(api().GET('/v1/attempts/{id}/checks', { params: { path: { id } } }));
  return { record: record ?? null, photos, own: false };
}

/** What was recorded of an attempt: from this machine, from the server, or from both. */
export async function readRecorded(attempt: string): Promise<Recorded> {
  const own = await here(attempt);
  const there = await ofServer(attempt).catch((thrown: unknown) => {
    // Somebody's own work can be read without a server; an attempt that is still here only has nothing there.
    if (own || asProblem(thrown).code === 'not_found') return NOTHING;
    throw thrown;
  });
  return newest(own, there);
}

/** The same, read when somebody wants to see it. */
export function createRecorded(attempt: () => string) {
  return createQuery(() => ({ queryKey: ['recorded', attempt()], queryFn: () => readRecorded(attempt()), staleTime: 10_000 }));
}
