import { asProblem, type Problem } from '$lib/api';
import { somebodyIsHere } from '$lib/parts/presence';
import { type Camera, type Trouble, troubleOf, type View } from './camera';

/** So often a picture is looked at. */
const LOOK_MS = 150;
/** After so long without a code, what helps is said. */
const HINT_MS = 8_000;
/** A code that was out of the picture for so long is read again. */
const AWAY_MS = 1_500;

export type ScanState = 'off' | 'opening' | 'looking' | 'checking' | Trouble;

/** What is said of a label that was read. */
export interface Said {
  words: string;
  /** Whether it was there already: nothing came of it. */
  twice?: boolean;
}

/** A look for labels through a camera: from the question whether it may be used until it is off. */
export interface Scan {
  readonly state: ScanState;
  /** Whether nothing was read for a while. */
  readonly hint: boolean;
  /** What is wrong with the label that was read last. */
  readonly problem: Problem | null;
  /** Whether the light is on; null where there is none. */
  readonly light: boolean | null;
  start(): Promise<void>;
  /** The camera is off when this returns, also one that was about to open. */
  stop(): void;
  switchLight(): Promise<void>;
}

/** A scan that hands each text it reads to `take`, goes on looking when that fails, and stays off once `take` says `done`. */
export function createScan(camera: Camera, take: (text: string) => Promise<'more' | 'done'>): Scan {
  let state = $state<ScanState>('off');
  let hint = $state(false);
  let problem = $state.raw<Problem | null>(null);
  let light = $state<boolean | null>(null);
  let view: View | null = null;
  /** Ends what was opened last. */
  let over: AbortController | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  /** Grows with each start and stop: what was begun before does nothing any more. */
  let turn = 0;
  let last: { text: string; at: number } | null = null;
  let lookingSince = 0;

  function off(next: ScanState) {
    turn += 1;
    clearTimeout(timer);
    over?.abort();
    over = null;
    view?.close();
    view = null;
    light = null;
    hint = false;
    state = next;
  }

  function look(now: View, mine: number) {
    let text: string | null;
    try {
      text = now.look();
    } catch {
      // The picture is there and cannot be read, e.g. there is no memory for it.
      return off('unknown');
    }
    const at = Date.now();
    if (text !== null && !(last?.text === text && at - last.at < AWAY_MS)) return void check(now, mine, text);
    // As long as it stays in the picture it is the same one.
    if (text !== null && last) last.at = at;
    if (text === null && at - lookingSince >= HINT_MS) hint = true;
    timer = setTimeout(() => look(now, mine), LOOK_MS);
  }

  async function check(now: View, mine: number, text: string) {
    somebodyIsHere();
    state = 'checking';
    hint = false;
    problem = null;
    let wrong: Problem | null = null;
    let then: 'more' | 'done' = 'more';
    try {
      then = await take(text);
    } catch (thrown) {
      wrong = asProblem(thrown);
    }
    if (mine !== turn) return;
    if (then === 'done') return off('off');
    problem = wrong;
    lookingSince = Date.now();
    last = { text, at: lookingSince };
    state = 'looking';
    look(now, mine);
  }

  return {
    get state() {
      return state;
    },
    get hint() {
      return hint;
    },
    get problem() {
      return problem;
    },
    get light() {
      return light;
    },
    async start() {
      off('opening');
      problem = null;
      const mine = turn;
      const opening = new AbortController();
      over = opening;
      try {
        const opened = await camera(opening.signal);
        // Closed while it was about to open: it must not stay on.
        if (mine !== turn) return opened.close();
        view = opened;
        light = opened.light ? false : null;
        opened.whenGone(() => mine === turn && off('lost'));
        lookingSince = Date.now();
        state = 'looking';
        look(opened, mine);
      } catch (thrown) {
        if (mine === turn) off(troubleOf(thrown));
      }
    },
    stop: () => off('off'),
    async switchLight() {
      const mine = turn;
      const on = light !== true;
      // One that says it has a light and does not switch it has none.
      const switched = await view?.light?.(on).then(() => true, () => false);
      if (mine === turn) light = switched ? on : null;
    }
  };
}
