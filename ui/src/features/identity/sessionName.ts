import type { Session } from '$lib/api';
import { tOr } from '$lib/i18n/index.svelte';

/** What a session is called: what its machine said, or the kind of client. */
export function sessionName(session: Session): string {
  return session.label ?? tOr(`session-client-${session.client}`, 'state-unknown');
}
