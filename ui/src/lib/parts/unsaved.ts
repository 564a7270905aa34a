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

/** Who agreed to leave although something is unsaved; who asks now. One leaves when all whom it concerns agree. */
export const leaving: { agreed: Set<symbol>; asking: symbol | null; freely: boolean } = { agreed: new Set(), asking: null, freely: false };

/** Goes somewhere without anybody being asked: what may not be left was looked at before. */
export async function leaveFreely(go: () => Promise<void>): Promise<void> {
  leaving.freely = true;
  try {
    await go();
  } finally {
    leaving.freely = false;
  }
}
