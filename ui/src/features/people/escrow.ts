import { answer, api, type Escrowed, filled, type Page } from '$lib/api';

export const ESCROW = ['escrow'] as const;

/** A page of the work that waits for a decision. */
export function listEscrow(cursor?: string): Promise<Page<Escrowed>> {
  return answer<Page<Escrowed>>(api().GET('/v1/escrow', { params: { query: filled({ cursor }) } }));
}

/** Why a change was not carried out; null when it was. */
export type EscrowRefusal = { code: string; detail: string } | null;

/** Carries a change out in its author's name. */
export async function acceptEscrowed(id: string): Promise<EscrowRefusal> {
  const accepted = await answer<{ refusal?: EscrowRefusal }>(api().POST('/v1/escrow/{id}/accept', { params: { path: { id } } }));
  return accepted.refusal ?? null;
}

/** Lets a change go. */
export function rejectEscrowed(id: string): Promise<unknown> {
  return answer(api().POST('/v1/escrow/{id}/reject', { params: { path: { id } } }));
}
