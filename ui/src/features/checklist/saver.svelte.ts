import { asProblem, type Problem } from '$lib/api';

/** Saves by itself what is being typed: a moment after the last key, again when it failed, at once when one leaves. */
export interface Saver {
  readonly state: 'calm' | 'waiting' | 'saving' | 'saved' | 'failed';
  /** Why the last try failed; stays until one worked. */
  readonly problem: Problem | null;
  /** Whether something is nowhere but in this page. */
  readonly unsaved: boolean;
  touch(): void;
  /** Saves now; whether all is saved. */
  flush(): Promise<boolean>;
  /** Gives up what is not saved. */
  stop(): void;
}

const PAUSE_MS = 700;
const AGAIN_MS = 10_000;

/** A saver of what `send` sends as it stands then. */
export function createSaver(send: () => Promise<void>): Saver {
  let state = $state<Saver['state']>('calm');
  let problem = $state.raw<Problem | null>(null);
  let touched = $state(false);
  let timer: ReturnType<typeof setTimeout> | undefined;
  let running: Promise<boolean> | null = null;

  function later(ms: number) {
    clearTimeout(timer);
    timer = setTimeout(() => void flush(), ms);
  }

  async function run(): Promise<boolean> {
    while (touched) {
      touched = false;
      state = 'saving';
      try {
        await send();
        problem = null;
      } catch (thrown) {
        touched = true;
        problem = asProblem(thrown);
        state = 'failed';
        // What is refused is refused again; what had no room may have some.
        if (problem.status === 0 || problem.status >= 500) later(AGAIN_MS);
        return false;
      }
    }
    state = 'saved';
    return true;
  }

  function flush(): Promise<boolean> {
    clearTimeout(timer);
    if (running) return running;
    if (!touched) return Promise.resolve(true);
    running = run().finally(() => (running = null));
    return running;
  }

  return {
    get state() {
      return state;
    },
    get problem() {
      return problem;
    },
    get unsaved() {
      return touched || state === 'saving';
    },
    touch() {
      touched = true;
      if (state !== 'saving') state = 'waiting';
      later(PAUSE_MS);
    },
    flush,
    stop() {
      clearTimeout(timer);
      touched = false;
    }
  };
}
