import { createInfiniteQuery, keepPreviousData } from '@tanstack/svelte-query';
import { Problem } from './problem';
import type { Page } from './types';

/** One page at a time, from the cursor that the page before gave. */
export type LoadPage<T> = (cursor: string | undefined) => Promise<Page<T>>;

/** What a list shows, whatever it lists. */
export interface List<T> {
  readonly rows: T[];
  readonly waiting: boolean;
  readonly error: unknown;
  readonly hasMore: boolean;
  readonly loadingMore: boolean;
  more(): void;
  retry(): void;
}

/** What tells the rows of a list apart. */
export type Identified = { id: string } | { n: number };

const keyOf = (row: Identified) => ('id' in row ? row.id : row.n);

/**
 * The rows of all pages, each once. Pages are read one after the other: a row that was renamed in between stands on two
 * of them, and the page that was read last is right.
 */
export function distinct<T extends Identified>(pages: Page<T>[]): T[] {
  const rows = new Map<string | number, T>();
  for (const row of pages.flatMap((page) => page.items)) {
    rows.delete(keyOf(row));
    rows.set(keyOf(row), row);
  }
  return [...rows.values()];
}

/** All that a list has, one page after the other. */
export async function everyPage<T>(load: LoadPage<T>): Promise<T[]> {
  const all: T[] = [];
  let cursor: string | undefined;
  do {
    const page = await load(cursor);
    all.push(...page.items);
    cursor = page.next ?? undefined;
  } while (cursor);
  return all;
}

const EVERY_MS = 30_000;

/** A keyset list that keeps itself fresh while it is looked at. `key` is what the list depends on. */
export function createList<T extends Identified>(key: () => unknown[], load: LoadPage<T>, every = EVERY_MS): List<T> {
  const query = createInfiniteQuery(() => ({
    queryKey: key(),
    queryFn: ({ pageParam }) => load(pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page: Page<T>) => page.next ?? undefined,
    // Rows stay where they are until those of another filter have come: nothing jumps away from under a click.
    placeholderData: keepPreviousData,
    refetchInterval: every
  }));
  const rows = $derived(distinct(query.data?.pages ?? []));
  return {
    get rows() {
      return rows;
    },
    get waiting() {
      return query.isPending;
    },
    get error() {
      return query.error;
    },
    get hasMore() {
      return query.hasNextPage;
    },
    get loadingMore() {
      return query.isFetchingNextPage;
    },
    more: () => void query.fetchNextPage(),
    retry: () => void query.refetch()
  };
}

/** Trying again helps only when no answer came or the server was not ready. */
export function worthRetrying(failures: number, error: unknown): boolean {
  if (failures >= 2) return false;
  return error instanceof Problem && (error.code === 'offline' || error.status >= 502);
}
