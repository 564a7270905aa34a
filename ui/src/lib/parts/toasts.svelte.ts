/** Short confirmations that go away by themselves. Errors stay where they happened instead. */
interface Toast {
  id: number;
  text: string;
}

const SHOWN_MS = 5_000;
let last = 0;
let shown = $state<Toast[]>([]);

/** What is shown right now. */
export function toasts(): Toast[] {
  return shown;
}

/** Says that something was done. */
export function say(text: string): void {
  const id = ++last;
  shown = [...shown.slice(-2), { id, text }];
  setTimeout(() => (shown = shown.filter((toast) => toast.id !== id)), SHOWN_MS);
}
