/**
 * The page that somebody was on when the app was locked, for the account that was open then.
 *
 * It stands in no storage: it is gone with the app, and as soon as anybody is in again.
 */
let left: { account: string; path: string } | null = null;

/** Remembers where the account's person is. */
export function leaveFrom(account: string, path: string): void {
  left = { account, path };
}

/** Whether nobody else was in since that account's person left. */
export function hasLeft(account: string): boolean {
  return left?.account === account;
}

/** Where the account's person goes on: where they left, unless somebody else was in since. */
export function wayBack(account: string): string {
  const path = left?.account === account ? left.path : '/devices';
  forgetLeft();
  return path;
}

/** Whoever is in now starts anew. */
export function forgetLeft(): void {
  left = null;
}
