/**
 * What would be lost with the page: whatever leads away by itself looks here before.
 *
 * Deliberately not here: asking somebody who leads away (`LeaveGuard`).
 */
const guards = new Set<() => boolean>();

/** Somebody types something; the answer ends that. */
export function guard(unsaved: () => boolean): () => void {
  guards.add(unsaved);
  return () => void guards.delete(unsaved);
}

export const isUnsaved = (): boolean => [...guards].some((unsaved) => unsaved());
