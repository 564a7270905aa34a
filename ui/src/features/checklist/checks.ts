import { type CheckAnswer, type CheckItem, type CheckRecord, door } from '$lib/api';

/** How far something has come that was kept on this machine; the server never takes what it refused. */
export type KeptState = 'waiting' | 'sent' | 'refused';

/** A photo that is kept on this machine. */
export interface KeptPhoto {
  sha256: string;
  media_type: string;
  size: number;
  state: KeptState;
}

/** The checks of an attempt that was made here. */
export interface Checks {
  checklist: { version: number; items: CheckItem[] };
  record: CheckRecord | null;
  record_state?: KeptState | null;
  photos: KeptPhoto[];
}

/** How far the checks of a device of a visit are. */
export interface CheckCounts {
  answered: number;
  /** 0: the organization has no checklist. */
  total: number;
  required_open: number;
  photos: number;
  note: string | null;
}

/** The most photos of one attempt, and of one answer. */
export const MOST_PHOTOS = 20;
export const MOST_PHOTOS_OF_ANSWER = 10;

/** Read again when the app says that something was sent. */
export const CHECKS = ['app', 'sync', 'checks'] as const;

const pathOf = (attempt: string, rest: string) => `/app/attempts/${encodeURIComponent(attempt)}/${rest}`;

export const readChecks = (attempt: string) => door<Checks>('GET', pathOf(attempt, 'checks'));
/** What is not named stays as it is. The answer comes when it is safe on this machine. */
export const keepChecks = (attempt: string, body: { note?: string | null; answers: { id: string; answer: CheckAnswer | null }[] }) => door<Checks>('PUT', pathOf(attempt, 'checks'), body);
/** The answer comes when it is safe on this machine. */
export const keepPhoto = (attempt: string, media_type: string, content: string) => door<{ sha256: string }>('POST', pathOf(attempt, 'photos'), { media_type, content });
export const dropPhoto = (attempt: string, sha256: string) => door('DELETE', pathOf(attempt, `photos/${sha256}`));

/** A photo of any attempt as the address of its bytes; the app fetches what is not here. */
export async function readPhoto(attempt: string, sha256: string): Promise<string> {
  const { media_type, content } = await door<{ media_type: string; content: string }>('GET', pathOf(attempt, `photos/${sha256}`));
  return `data:${media_type};base64,${content}`;
}
