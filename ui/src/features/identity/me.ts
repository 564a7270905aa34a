import { answer, api, door, type Me, Problem } from '$lib/api';

/** What may be changed of oneself. */
export function renameMe(name: string): Promise<Me> {
  return door<Me>('PATCH', '/v1/me', { name });
}

/** Changes the own password; every other session of the person ends. */
export async function changePassword(current: string, next: string): Promise<void> {
  try {
    await door('POST', '/v1/me/password', { current, new: next });
  } catch (thrown) {
    throw atField(thrown);
  }
}

/** The problem at the field that it is about: here wrong credentials can only be the password of now. */
function atField(thrown: unknown): unknown {
  if (!(thrown instanceof Problem)) return thrown;
  const { code, status, detail, retryAfter } = thrown;
  if (code === 'wrong_credentials') return new Problem('wrong_current_password', status, detail, 'current', retryAfter);
  return code === 'invalid_field' ? new Problem(code, status, detail, 'new', retryAfter) : thrown;
}

/** Ends one of the own sessions. */
export async function endSession(id: string): Promise<void> {
  await answer(api().DELETE('/v1/sessions/{id}', { params: { path: { id } } }));
}
