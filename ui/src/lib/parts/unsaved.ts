/**
 * What would be lost with the page: whatever leads away by itself, or closes the window, looks here before.
 *
 * Deliberately not here: asking somebody (`LeaveGuard`, `ClosingWindow`).
 */
interface Guard {
  unsaved: () => boolean;
  settle?: () => Promise<boolean>;
}

const guards = new Set<Guard>();

/** Somebody types something; the answer ends that. `settle` saves what can be saved. */
export function guard(unsaved: () => boolean, settle?: () => Promise<boolean>): () => void {
  const one = { unsaved, settle };
  guards.add(one);
  return () => void guards.delete(one);
}

export const isUnsaved = (): boolean => [...guards].some(({ unsaved }) => unsaved());

/** Saves what can be saved; whether nothing is left. */
export async function settleUnsaved(): Promise<boolean> {
  await Promise.allSettled([...guards].filter(({ unsaved }) => unsaved()).map(({ settle }) => settle?.()));
  return !isUnsaved();
}
