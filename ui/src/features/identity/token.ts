/**
 * The secret of an invitation or reset link. It travels in the fragment, which no server log sees,
 * and leaves the address bar as soon as it was read.
 */
export function takeToken(address: URL): string {
  const fragment = new URLSearchParams(address.hash.replace(/^#/, ''));
  return fragment.get('token') ?? address.searchParams.get('token') ?? '';
}
