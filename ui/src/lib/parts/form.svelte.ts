import { tick } from 'svelte';
import { asProblem, type Problem } from '$lib/api';
import { problemWords } from '$lib/i18n/problems';

/** A form's sending: at most once at a time, its problem kept until the next try. */
export interface Form {
  readonly busy: boolean;
  /** The problem, unless it belongs to one of the fields. */
  readonly problem: Problem | null;
  /** What is wrong with a field, in words. */
  wrong(field: string): string | null;
  submit(event?: SubmitEvent): Promise<void>;
  reset(): void;
}

/** A form that runs `send`; `fields` are the names whose problems are shown beside them. */
export function createForm(fields: string[] | (() => string[]), send: () => Promise<void>): Form {
  let busy = $state(false);
  let problem = $state.raw<Problem | null>(null);
  const named = () => (typeof fields === 'function' ? fields() : fields);
  return {
    get busy() {
      return busy;
    },
    get problem() {
      return problem?.field && named().includes(problem.field) ? null : problem;
    },
    wrong: (field) => (problem?.field === field ? problemWords(problem) : null),
    async submit(event) {
      event?.preventDefault();
      if (busy) return;
      const form = event?.currentTarget instanceof HTMLFormElement ? event.currentTarget : null;
      busy = true;
      problem = null;
      try {
        await send();
      } catch (thrown) {
        problem = asProblem(thrown);
        await tick();
        // One goes on typing where it was wrong; everything else is said where it stands.
        form?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
      } finally {
        busy = false;
      }
    },
    reset() {
      problem = null;
    }
  };
}
