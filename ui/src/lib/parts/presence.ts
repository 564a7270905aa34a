/**
 * Somebody who is here and touches nothing: what they hold before a camera is read.
 *
 * Deliberately not here: touches and keys, which everybody hears (`IdleLock`).
 */
const watchers = new Set<() => void>();

/** Something happened that only a person does. */
export function somebodyIsHere(): void {
  for (const watcher of watchers) watcher();
}

/** Hears of it until the answer is called. */
export function whenSomebodyIsHere(run: () => void): () => void {
  watchers.add(run);
  return () => void watchers.delete(run);
}
