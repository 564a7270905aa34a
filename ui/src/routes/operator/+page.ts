import { redirect } from '@sveltejs/kit';

/** The console opens with its tenants. */
export function load(): never {
  redirect(307, '/operator/tenants');
}
