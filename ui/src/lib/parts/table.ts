import type { Snippet } from 'svelte';

/** One column: its heading and what stands in its cells. */
export interface Column<T> {
  key: string;
  label: string;
  cell: Snippet<[T]>;
  end?: boolean;
  /** On a phone this one stands beside the first, without its heading. */
  corner?: boolean;
}

/** Moves between the links of rows with the arrow keys, and opens a row that is clicked anywhere. */
export function rowKeys(body: HTMLElement) {
  const links = () => [...body.querySelectorAll<HTMLElement>('a[data-row]')];

  function onkeydown(event: KeyboardEvent) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const at = links().indexOf(event.target as HTMLElement);
    if (step === undefined || at < 0) return;
    links()[at + step]?.focus();
    event.preventDefault();
  }

  function onclick(event: MouseEvent) {
    const target = event.target as HTMLElement;
    if (target.closest('a, button, input, select, label') || window.getSelection()?.toString()) return;
    target.closest('tr')?.querySelector<HTMLElement>('a[data-row]')?.click();
  }

  body.addEventListener('keydown', onkeydown);
  body.addEventListener('click', onclick);
  return {
    destroy() {
      body.removeEventListener('keydown', onkeydown);
      body.removeEventListener('click', onclick);
    }
  };
}
