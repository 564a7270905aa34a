/** A query without its empty parts. */
export function filled<T extends object>(query: T): { [K in keyof T]?: Exclude<T[K], '' | null | undefined> } {
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== '' && value !== undefined && value !== null)) as { [K in keyof T]?: Exclude<T[K], '' | null | undefined> };
}
