/** The system's way to hand a file to another program; null where there is none, or none for such a file. */
export function sharing(file: File, machine: Partial<Pick<Navigator, 'canShare' | 'share'>> = navigator): (() => Promise<void>) | null {
  const what = { files: [file] };
  if (!machine.share || !machine.canShare?.(what)) return null;
  return async () => {
    try {
      await machine.share?.(what);
    } catch (thrown) {
      // Whoever changes their mind has done nothing wrong.
      if (!(thrown instanceof Error && thrown.name === 'AbortError')) throw thrown;
    }
  };
}
