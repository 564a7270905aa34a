/** The operations of docs/API.md, in the form that openapi-fetch reads. */

type Query = Record<string, string | number | null | undefined>;
interface Operation<P, B, A> {
  parameters: P;
  requestBody?: B extends undefined ? never : { content: { 'application/json': B } };
  responses: { 200: { content: { 'application/json': A } } };
}
type Get<A, Q = Query> = Operation<{ query?: Q }, undefined, A>;
type GetOne<A, Q = Query> = Operation<{ path: { id: string }; query?: Q }, undefined, A>;
type Send<B, A> = { parameters: object; requestBody: { content: { 'application/json': B } }; responses: { 200: { content: { 'application/json': A } } } };
type SendOne<B, A> = { parameters: { path: { id: string } }; requestBody: { content: { 'application/json': B } }; responses: { 200: { content: { 'application/json': A } } } };
type Bare = Operation<object, undefined, unknown>;
type BareOne = Operation<{ path: { id: string } }, undefined, unknown>;

export interface Page<T> {
  items: T[];
  next: string | null;
}

export type RoleName = 'owner' | 'admin' | 'operator' | 'viewer' | 'technician';
export type Security = 'sec0' | 'sec1' | 'sec2_patch0' | 'sec2_patch1';
export type DeviceState = 'planned' | 'claimed' | 'online' | 'retired';
export type AttemptOutcome = 'succeeded' | 'failed' | 'cancelled' | 'interrupted';
export type StepOutcome = 'done' | 'failed' | 'skipped' | 'interrupted';

export interface Brand {
  name: string;
  tokens: { light: Record<string, string>; dark: Record<string, string> };
  radius?: number | string | null;
  font?: string | null;
  logo?: string | null;
}
export interface TenantCard {
  name: string;
  display_name: string;
  brand: Brand;
}
export interface Me {
  person: { id: string; name: string; email: string; role: RoleName };
  tenant: { id: string; name: string; display_name: string };
  permissions: string[];
  brand: Brand;
}
export interface Session {
  id: string;
  client: string;
  label: string | null;
  created_at: number;
  last_used_at: number;
  expires_at: number;
  address: string | null;
  current: boolean;
}
export interface Person {
  id: string;
  name: string;
  email: string;
  role: RoleName;
  created_at: number;
  last_seen_at: number | null;
}
export interface Invitation {
  id: string;
  email: string;
  role: RoleName;
  created_at: number;
  expires_at: number;
}
export interface InvitationCard {
  email: string;
  role: RoleName;
  tenant: TenantCard;
  expires_at: number;
}
export interface RoleRow {
  role: RoleName;
  permissions: string[];
}
export interface Site {
  id: string;
  name: string;
  address: string | null;
  time_zone: string;
  note: string | null;
  created_at: number;
}
export interface DeviceModel {
  id: string;
  name: string;
  sku: string;
  min_security: Security;
  created_at: number;
}
export interface Device {
  id: string;
  serial: string;
  name: string;
  model_id: string;
  site_id: string | null;
  note: string | null;
  state: DeviceState;
  firmware: string | null;
  epoch: number;
  created_at: number;
}
export type Reading = number | string | boolean;
export interface DeviceDetail extends Device {
  readings: Record<string, Reading> | { key: string; value: Reading; at: number }[];
  last_seen_at: number | null;
}
export interface AttemptStep {
  step: string;
  started_at: number;
  duration_ms: number;
  outcome: StepOutcome;
  cause: string | null;
}
export interface Attempt {
  id: string;
  device_id: string | null;
  serial: string | null;
  site_id: string | null;
  technician_id: string;
  technician_name: string;
  client_id: string;
  app_version: string;
  os: string;
  radio: string;
  protocol: string | null;
  security: Security | null;
  firmware: string | null;
  identity_verified: boolean;
  rssi: number | null;
  mtu: number | null;
  steps: AttemptStep[];
  grant_id: string | null;
  receipt: string | null;
  epoch: number | null;
  network_name: string | null;
  outcome: AttemptOutcome;
  cause: string | null;
  started_at: number;
  ended_at: number;
}
export interface Party {
  kind: string;
  id: string | null;
  name: string | null;
}
export interface Change {
  n: number;
  at: number;
  actor: Party;
  action: string;
  target: Party;
  detail: unknown;
  request_id: string | null;
}
export interface AuditEntry extends Change {
  before_hash: string | null;
  after_hash: string | null;
  hash: string;
}
export type TenantStatus = 'active' | 'suspended';
export interface TenantRow {
  id: string;
  name: string;
  display_name: string;
  status: TenantStatus;
  created_at: number;
  counts: { people: number; sites: number; devices: number; online: number };
}
export interface Template {
  name: string;
  display_name: string;
}
export interface OperatorMe {
  id: string;
  name: string;
  email: string;
}
export interface Mail {
  id: string;
  tenant_id: string;
  recipient: string;
  subject: string;
  body: string;
  link: string | null;
  created_at: number;
}

export type NewSite = { name: string; time_zone: string; address?: string | null; note?: string | null };
export type NewModel = { name: string; sku: string; min_security: Security };
export type NewDevice = { serial: string; name: string; model_id: string; site_id?: string | null; note?: string | null };
export type DevicePatch = { name?: string; model_id?: string; site_id?: string | null; note?: string | null };

export interface paths {
  '/v1/tenant-card': { get: Get<TenantCard> };
  '/v1/me': { get: Get<Me> };
  '/v1/sessions': { get: Get<Page<Session>>; post: Send<{ tenant: string; email: string; password: string; client: 'web' | 'app'; label?: string }, { token: string | null; me: Me }> };
  '/v1/sessions/current': { delete: Bare };
  '/v1/sessions/{id}': { delete: BareOne };
  '/v1/password-resets': { post: Send<{ tenant: string; email: string }, unknown> };
  '/v1/password-resets/complete': { post: Send<{ token: string; password: string }, unknown> };
  '/v1/invitations/lookup': { post: Send<{ token: string }, InvitationCard> };
  '/v1/invitations/accept': { post: Send<{ token: string; name: string; password: string }, { email: string; tenant: TenantCard | string }> };
  '/v1/people': { get: Get<Page<Person>> };
  '/v1/people/{id}': { patch: SendOne<{ name?: string; role?: RoleName }, Person>; delete: BareOne };
  '/v1/people/{id}/sessions': { get: GetOne<Page<Session>>; delete: BareOne };
  '/v1/invitations': { get: Get<Page<Invitation>>; post: Send<{ email: string; role: RoleName }, Invitation> };
  '/v1/invitations/{id}': { delete: BareOne };
  '/v1/roles': { get: Get<{ items: RoleRow[] }> };
  '/v1/sites': { get: Get<Page<Site>>; post: Send<NewSite, Site> };
  '/v1/sites/{id}': { get: GetOne<Site>; patch: SendOne<Partial<NewSite>, Site> };
  '/v1/models': { get: Get<Page<DeviceModel>>; post: Send<NewModel, DeviceModel> };
  '/v1/models/{id}': { get: GetOne<DeviceModel>; patch: SendOne<Partial<NewModel>, DeviceModel> };
  '/v1/devices': { get: Get<Page<Device>>; post: Send<NewDevice, Device> };
  '/v1/devices/{id}': { get: GetOne<DeviceDetail>; patch: SendOne<DevicePatch, Device> };
  '/v1/devices/{id}/retire': { post: SendOne<{ reason?: string | null }, Device> };
  '/v1/devices/{id}/attempts': { get: GetOne<Page<Attempt>> };
  '/v1/devices/{id}/changes': { get: GetOne<Page<Change>> };
  '/v1/attempts': { get: Get<Page<Attempt>> };
  '/v1/audit': { get: Get<Page<AuditEntry>> };
  '/v1/operator/sessions': { post: Send<{ email: string; password: string }, unknown> };
  '/v1/operator/sessions/current': { delete: Bare };
  '/v1/operator/me': { get: Get<OperatorMe> };
  '/v1/operator/templates': { get: Get<{ items: Template[] }> };
  '/v1/operator/tenants': { get: Get<Page<TenantRow>>; post: Send<{ name: string; display_name: string; template: string; owner_email: string }, TenantRow> };
  '/v1/operator/tenants/{id}': { get: GetOne<TenantRow> };
  '/v1/operator/tenants/{id}/suspend': { post: SendOne<{ reason: string }, TenantRow> };
  '/v1/operator/tenants/{id}/resume': { post: BareOne };
  '/v1/operator/mail': { get: Get<Page<Mail>> };
}
