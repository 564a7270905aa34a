/**
 * What somebody notes at one device. It outlives the part of the page that shows it until everything is safe on this
 * machine, so that nothing is lost between typing or picking and saving.
 *
 * Deliberately not here: sending to the server, which is the app's.
 */
import { asProblem, Problem } from '$lib/api';
import { type Draft, answerOf, draftOf, faultOf, progressOf, type Question, questionsOf } from './answers';
import { type Checks, dropPhoto, keepChecks, keepPhoto, type KeptPhoto, MOST_PHOTOS, MOST_PHOTOS_OF_ANSWER, readChecks } from './checks';
import { base64, compressed, NoPicture } from './picture';
import { createSaver } from './saver.svelte';
import { guard } from '$lib/parts/unsaved';

/** A photo that was picked and is not safe yet. */
export interface Picked {
  key: number;
  /** The check that it answers; null: it belongs to none. */
  of: string | null;
  url: string;
  state: 'preparing' | 'saving' | 'failed';
  problem: Problem | null;
}

/** So long a photo that was taken out can be brought back. */
const UNDO_MS = 6_000;

export type Work = ReturnType<typeof createWork>;

/** What the note is called among what was changed. */
const NOTE = 'note';

const works = new Map<string, Work>();

/** The work on that attempt: the one under way, if there is one. */
export function workOn(attempt: string): Work {
  const work = works.get(attempt) ?? createWork(attempt);
  works.set(attempt, work);
  return work;
}

/** Another attempt at the same device goes on: what was typed and is no answer yet goes there, and photos that could not be kept. */
export function goOn(from: string, to: string): void {
  const earlier = works.get(from);
  if (!earlier || (!earlier.hasOpen && earlier.failed.length === 0)) return;
  const next = workOn(to);
  for (const [question, typed] of earlier.open) next.takeOver(question, typed);
  earlier.forgetOpen();
  for (const { key, of, file } of earlier.failed) {
    next.pick([file], of);
    earlier.discard(key);
  }
}

/** Saves what is noted of that attempt; whether all of it is safe. */
export function settled(attempt: string | null | undefined): Promise<boolean> {
  return (attempt ? works.get(attempt)?.settle() : undefined) ?? Promise.resolve(true);
}

/** Saves all that is noted anywhere; whether all of it is safe. */
export async function settledAll(): Promise<boolean> {
  const safe = await Promise.all([...works.values()].map((work) => work.settle()));
  return !safe.includes(false);
}

guard(() => [...works.values()].some((work) => !work.isSafe), settledAll);

/** How often somebody else came. */
let comers = 0;

/** Forgets what was noted: whoever noted it is away, or somebody else is in. */
export function forgetWork(isOther = false): void {
  if (isOther) comers += 1;
  for (const work of works.values()) work.saver.stop();
  works.clear();
}

function createWork(attempt: string) {
  let checks = $state.raw<Checks | null>(null);
  let note = $state('');
  const drafts = $state<Record<string, Draft>>({});
  let picked = $state<Picked[]>([]);
  let going = $state<string[]>([]);
  let refusal = $state.raw<Problem | null>(null);
  const files = new Map<number, Blob>();
  const came = comers;
  /** What was changed here and is not on its way, and what is: the note, and checks by their id. */
  const touched = new Set<string>();
  const sending = new Set<string>();
  const urls = new Map<string, string>();
  const timers = new Map<string, ReturnType<typeof setTimeout>>();
  let last = 0;
  let changes = 0;
  let viewers = 0;
  let line: Promise<unknown> = Promise.resolve();

  const questions = (): Question[] => (checks ? questionsOf(checks) : []);
  const draft = (question: Question): Draft => drafts[question.id] ?? draftOf(question, null);
  const answers = () => questions().map((question) => ({ id: question.id, required: question.required, answer: answerOf(question, draft(question)) }));

  /** Whether what was typed at a check is no answer yet: then what was answered before stands. */
  const isOpen = (question: Question) => faultOf(question, draft(question)) !== null;
  /** Sends what was changed here and nothing else: the rest may have been changed elsewhere. */
  async function keepNow(): Promise<Checks> {
    const changed = questions().filter((question) => touched.has(question.id) && !isOpen(question));
    for (const { id } of changed) sending.add(id);
    if (touched.has(NOTE)) sending.add(NOTE);
    for (const id of sending) touched.delete(id);
    try {
      return await keepChecks(attempt, {
        ...(sending.has(NOTE) ? { note: note.trim() || null } : {}),
        answers: changed.map((question) => ({ id: question.id, answer: answerOf(question, draft(question)) }))
      });
    } catch (thrown) {
      for (const id of sending) touched.add(id);
      throw thrown;
    } finally {
      sending.clear();
    }
  }

  const isMine = (id: string) => touched.has(id) || sending.has(id);

  function touch(id: string) {
    touched.add(id);
    saver.touch();
  }

  const saver = createSaver(async () => {
    try {
      took(await keepNow());
    } catch (thrown) {
      if (asProblem(thrown).code !== 'invalid_field') throw thrown;
      // Another checklist may have come meanwhile: what it asks is answered.
      await load();
      took(await keepNow());
    }
  });

  const standing = (now: Checks | null, { id }: Question) => now?.record?.items.find((item) => item.id === id)?.answer ?? null;

  /** What stands in the store; what is being typed stays as it is, and what says the same as it was typed. */
  function took(now: Checks): Checks {
    if (!checks || (!isMine(NOTE) && note.trim() !== (now.record?.note ?? ''))) note = now.record?.note ?? '';
    for (const question of questionsOf(now)) {
      const stands = standing(now, question);
      const mine = drafts[question.id];
      const isOther = mine && !isMine(question.id) && faultOf(question, mine) === null && JSON.stringify(answerOf(question, mine)) !== JSON.stringify(stands);
      if (!mine || isOther) drafts[question.id] = draftOf(question, stands);
    }
    changes += 1;
    checks = now;
    return now;
  }

  /** Reads what stands in the store; once more when it was changed from here meanwhile. */
  async function load(): Promise<Checks> {
    for (;;) {
      const before = changes;
      const now = await readChecks(attempt);
      if (before === changes) return took(now);
    }
  }

  function mark(key: number, change: Partial<Picked>) {
    picked = picked.map((one) => (one.key === key ? { ...one, ...change } : one));
  }

  function discard(key: number) {
    const one = picked.find((other) => other.key === key);
    if (one) URL.revokeObjectURL(one.url);
    files.delete(key);
    picked = picked.filter((other) => other.key !== key);
    tidy();
  }

  /** Keeps one picked photo; until the app says that it is safe, its file stays here. */
  async function keep(key: number, of: string | null) {
    const file = files.get(key);
    if (!file) return;
    try {
      mark(key, { state: 'preparing', problem: null });
      const photo = await compressed(file);
      mark(key, { state: 'saving' });
      const { sha256 } = await keepPhoto(attempt, photo.type, await base64(photo));
      if (!urls.has(sha256)) urls.set(sha256, URL.createObjectURL(photo));
      add({ sha256, media_type: photo.type, size: photo.size, state: 'waiting' }, of);
      discard(key);
      await saver.flush();
    } catch (thrown) {
      // Locked meanwhile: it waits for its person all the same.
      if (came === comers && !works.has(attempt)) works.set(attempt, work);
      mark(key, { state: 'failed', problem: thrown instanceof NoPicture ? new Problem('photo_unreadable', 0, '') : asProblem(thrown) });
    }
  }

  function add(photo: KeptPhoto, of: string | null) {
    changes += 1;
    if (checks && !checks.photos.some(({ sha256 }) => sha256 === photo.sha256)) checks = { ...checks, photos: [...checks.photos, photo] };
    const answered = of === null ? undefined : drafts[of];
    if (of === null || !answered || answered.photos.includes(photo.sha256)) return;
    answered.photos = [...answered.photos, photo.sha256];
    touch(of);
  }

  /** Takes a photo out for good. */
  async function drop(sha256: string) {
    clearTimeout(timers.get(sha256));
    if (!timers.delete(sha256)) return;
    try {
      await saver.flush();
      await dropPhoto(attempt, sha256);
      changes += 1;
      if (checks) checks = { ...checks, photos: checks.photos.filter((photo) => photo.sha256 !== sha256) };
      for (const [id, answered] of Object.entries(drafts).filter(([, { photos }]) => photos.includes(sha256))) {
        answered.photos = answered.photos.filter((other) => other !== sha256);
        touch(id);
      }
    } catch (thrown) {
      refusal = asProblem(thrown);
      await load().catch(() => undefined);
    }
    going = going.filter((other) => other !== sha256);
    tidy();
  }

  const isSafe = () => !saver.unsaved && picked.length === 0 && going.length === 0 && !questions().some(isOpen);

  function tidy() {
    if (viewers > 0 || !isSafe() || works.get(attempt) !== work) return;
    for (const url of urls.values()) URL.revokeObjectURL(url);
    works.delete(attempt);
  }

  /** Photos are kept and taken out one after the other. */
  function queue(act: () => Promise<void>) {
    line = line.then(act);
  }

  async function settle(): Promise<boolean> {
    for (const sha256 of timers.keys()) queue(() => drop(sha256));
    await line;
    await saver.flush();
    return isSafe();
  }

  const work = {
    attempt,
    load,
    settle,
    draft,
    get checks() {
      return checks;
    },
    get questions() {
      return questions();
    },
    get answers() {
      return answers();
    },
    get progress() {
      return progressOf(answers());
    },
    get note() {
      return note;
    },
    set note(words: string) {
      note = words;
      touch(NOTE);
    },
    get picked() {
      return picked;
    },
    /** Photos on their way out, which can still be brought back. */
    get going() {
      return going;
    },
    /** Why a photo could not be taken out. */
    get refusal() {
      return refusal;
    },
    get saver() {
      return saver;
    },
    /** Whether something was typed that is no answer yet, and is not saved. */
    get hasOpen() {
      return questions().some(isOpen);
    },
    /** Whether everything is safe on this machine. */
    get isSafe() {
      return isSafe();
    },
    change(question: Question, change: Partial<Draft>) {
      drafts[question.id] = { ...draft(question), ...change };
      touch(question.id);
    },
    /** How many photos more there may be, of the attempt and of one answer. */
    room(of: string | null): number {
      const underWay = (those: Picked[]) => those.length;
      const all = MOST_PHOTOS - (checks?.photos.length ?? 0) - underWay(picked);
      if (of === null) return Math.max(0, all);
      const ofAnswer = MOST_PHOTOS_OF_ANSWER - (drafts[of]?.photos.length ?? 0) - underWay(picked.filter((one) => one.of === of));
      return Math.max(0, Math.min(all, ofAnswer));
    },
    /** Keeps photos, one after the other. */
    pick(chosen: Blob[], of: string | null) {
      works.set(attempt, work);
      for (const file of chosen) {
        const key = ++last;
        files.set(key, file);
        picked = [...picked, { key, of, url: URL.createObjectURL(file), state: 'preparing', problem: null }];
        queue(() => keep(key, of));
      }
    },
    again(key: number) {
      const of = picked.find((one) => one.key === key)?.of ?? null;
      queue(() => keep(key, of));
    },
    discard,
    /** Takes a photo out in a moment. */
    remove(sha256: string) {
      refusal = null;
      going = [...going, sha256];
      timers.set(sha256, setTimeout(() => queue(() => drop(sha256)), UNDO_MS));
    },
    bringBack(sha256: string) {
      clearTimeout(timers.get(sha256));
      timers.delete(sha256);
      going = going.filter((other) => other !== sha256);
    },
    /** The address of a photo that was picked here. */
    urlOf: (sha256: string) => urls.get(sha256) ?? null,
    /** Photos that could not be kept. */
    get failed(): { key: number; of: string | null; file: Blob }[] {
      return picked.flatMap(({ key, of, state }) => {
        const file = files.get(key);
        return state === 'failed' && file ? [{ key, of, file }] : [];
      });
    },
    /** What was typed and is no answer yet. */
    get open(): [Question, Draft][] {
      return questions().filter(isOpen).map((question) => [question, draft(question)]);
    },
    /** What is no answer yet of an earlier attempt, unless it is being answered here. */
    takeOver(question: Question, typed: Draft) {
      const mine = drafts[question.id];
      const isTouched = mine && JSON.stringify(mine) !== JSON.stringify(draftOf(question, standing(checks, question)));
      if (isTouched) return;
      drafts[question.id] = { ...typed };
      touched.add(question.id);
    },
    /** Somebody said that what is no answer yet may go. */
    forgetOpen() {
      for (const question of questions().filter(isOpen)) {
        drafts[question.id] = draftOf(question, standing(checks, question));
        touched.delete(question.id);
      }
      tidy();
    },
    /** Somebody looks at it; when they stop, what is left is saved. */
    watch() {
      viewers += 1;
      return () => {
        viewers -= 1;
        void settle().then(tidy);
      };
    }
  };
  return work;
}
