import { createQuery } from '@tanstack/svelte-query';
import { answer, api, door, type Trace, type TraceOperation } from '$lib/api';
import { host } from '$lib/host';
import { tOr } from '$lib/i18n/index.svelte';

/** What the flight recorder wrote of an attempt; read when somebody wants to see it. */
export function createTrace(id: () => string, on: () => boolean) {
  return createQuery(() => ({
    queryKey: ['trace', id()],
    queryFn: () => answer<Trace>(api().GET('/v1/attempts/{id}/trace', { params: { path: { id: id() } } })),
    enabled: on(),
    // A recorded attempt does not change.
    staleTime: Infinity,
    retry: false
  }));
}

/** The same of the commission under way, from this machine. */
export function createLiveTrace(on: () => boolean) {
  return createQuery(() => ({ queryKey: ['app', 'commission', 'trace'], queryFn: () => door<Trace>('GET', '/app/commissions/current/trace'), enabled: on(), refetchInterval: on() ? 1_000 : false, retry: false }));
}

/** Whether an operation did what it should. */
export const went = ({ outcome }: TraceOperation): boolean => outcome === 'ok';

/** The steps that a trace has operations of, in their order. */
export function stepsOf({ operations }: Trace): string[] {
  return [...new Set(operations.map(({ step }) => step))];
}

/** The operations of one step, or all; only those that went wrong, if that is wanted. */
export function shown({ operations }: Trace, step: string, failed: boolean): TraceOperation[] {
  return operations.filter((operation) => (step === '' || operation.step === step) && !(failed && went(operation)));
}

/** `ATT 0x04`, `GATT 133`, `HCI 0x3E`: a code as its standard writes it. */
export function codeOf({ outcome, code }: TraceOperation): string {
  if (typeof code !== 'number') return '';
  return outcome === 'gatt' ? `GATT ${code}` : `${outcome.toUpperCase()} 0x${code.toString(16).toUpperCase().padStart(2, '0')}`;
}

/** What an operation does. */
export function kindWords(kind: string): string {
  return tOr(`trace-kind-${kind.replaceAll('_', '-')}`, 'trace-kind-other', { kind });
}

/** How an operation ended. */
export function outcomeWords(operation: TraceOperation): string {
  return tOr(`trace-outcome-${operation.outcome.replaceAll('_', '-')}`, 'trace-outcome-other', { outcome: operation.outcome, code: codeOf(operation) });
}

/** Saves the trace as a file; in the app, where that is. */
export async function saveTrace(trace: Trace): Promise<string | null> {
  if (host().has('sync')) return (await door<{ path: string }>('POST', `/app/attempts/${encodeURIComponent(trace.attempt_id)}/export`)).path;
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([JSON.stringify(trace, null, 2)], { type: 'application/json' }));
  link.download = `omniot-${trace.attempt_id}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  return null;
}
