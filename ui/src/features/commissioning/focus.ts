import { tick } from 'svelte';
import type { Form } from '$lib/parts/form.svelte';

/** Sends a form, and goes to the first field that is wrong. */
export async function submitTo(form: Form, event: SubmitEvent): Promise<void> {
  const node = event.currentTarget as HTMLElement;
  await form.submit(event);
  await tick();
  node.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
}

/** Takes the focus when what had it is gone; never away from something that is still there. */
export function catchFocus(node: HTMLElement): void {
  if (document.activeElement === null || document.activeElement === document.body) node.focus();
}
