import { createQuery } from '@tanstack/svelte-query';
import { ended } from '$features/identity/signOut';
import { answer, api, filled, type Mail, type OperatorMe, type Page, type Template, type TenantRow, type TenantStatus } from '$lib/api';
import { atServer } from '$lib/host';

export const OPERATOR = ['operator'] as const;
export const TENANTS = [...OPERATOR, 'tenants'] as const;

export const TENANT_STATES: TenantStatus[] = ['active', 'suspended'];

/** What is needed to make a tenant. */
export interface NewTenant {
  name: string;
  display_name: string;
  template: string;
  owner_email: string;
}

/** The operator who is signed in. */
export function createOperator() {
  return createQuery(() => ({ queryKey: [...OPERATOR, 'me'], queryFn: () => answer<OperatorMe>(api().GET('/v1/operator/me')), refetchInterval: 60_000 }));
}

/**
 * Signs an operator in: in the browser with a cookie of its own beside that of a tenant's person,
 * in the app at the server that is named, where the core keeps the session.
 */
export async function signInOperator(server: string, body: { email: string; password: string }): Promise<void> {
  await answer(api().POST('/v1/operator/sessions', { body, headers: atServer(server || null) }));
}

/** Ends the operator's session, or throws. */
export async function signOutOperator(): Promise<void> {
  await ended(answer(api().DELETE('/v1/operator/sessions/current')));
}

/** One page of tenants with their counts. */
export function listTenants(filter: { q: string; status: TenantStatus | '' }, cursor?: string): Promise<Page<TenantRow>> {
  return answer<Page<TenantRow>>(api().GET('/v1/operator/tenants', { params: { query: filled({ ...filter, cursor }) } }));
}

/** One tenant. */
export function getTenant(id: string): Promise<TenantRow> {
  return answer<TenantRow>(api().GET('/v1/operator/tenants/{id}', { params: { path: { id } } }));
}

/** The templates a tenant can be made from. */
export async function listTemplates(): Promise<Template[]> {
  return (await answer<{ items: Template[] }>(api().GET('/v1/operator/templates'))).items;
}

/** Makes a tenant and invites its first owner. */
export function createTenant(body: NewTenant): Promise<TenantRow> {
  return answer<TenantRow>(api().POST('/v1/operator/tenants', { body }));
}

/** Refuses everything of a tenant at once. */
export async function suspendTenant(id: string, reason: string): Promise<void> {
  await answer(api().POST('/v1/operator/tenants/{id}/suspend', { params: { path: { id } }, body: { reason: reason.trim() } }));
}

/** Lets a tenant work again. */
export async function resumeTenant(id: string): Promise<void> {
  await answer(api().POST('/v1/operator/tenants/{id}/resume', { params: { path: { id } } }));
}

/** A tenant's outgoing mail, newest first. */
export function listMail(tenant: string, cursor?: string): Promise<Page<Mail>> {
  return answer<Page<Mail>>(api().GET('/v1/operator/mail', { params: { query: { tenant_id: tenant, ...filled({ cursor }) } } }));
}
