/** The API's things by the names that the UI uses for them. */
import type { components } from './schema';

type Schemas = components['schemas'];

/** One page of a list, and where the next one begins. */
export interface Page<T> {
  items: T[];
  next?: string | null;
}

/** An edit, with its fields as its author was shown them: refused (`stale`) where they stand otherwise by now. */
export type AsShown<T> = T & { was?: { [field in keyof T]?: string | null } };

export type RoleName = Schemas['Role'];
export type Security = Schemas['Security'];
export type DeviceState = Schemas['DeviceState'];
export type AttemptOutcome = Schemas['AttemptOutcome'];
export type StepOutcome = Schemas['StepOutcome'];
export type Brand = Schemas['Theme'];
export type TenantCard = Schemas['TenantCard'];
export type Me = Schemas['Me'];
export type Session = Schemas['SessionRow'];
export type Person = Schemas['PersonRow'];
export type Invitation = Schemas['InvitationRow'];
export type InvitationCard = Schemas['InvitationCard'];
export type RoleRow = Schemas['RoleRow'];
export type Site = Schemas['Site'];
export type SiteGroup = Schemas['SiteGroup'];
export type SiteGroupItem = Schemas['SiteGroupItem'];
export type PersonSites = Schemas['PersonSites'];
export type NewSite = Schemas['CreateSite'];
export type SitePatch = Schemas['SitePatch'];
export type DeviceModel = Schemas['DeviceModel'];
export type NewModel = Schemas['CreateModel'];
export type ModelPatch = Schemas['ModelPatch'];
export type Device = Schemas['NamedDevice'];
export type DeviceDetail = Schemas['DeviceDetail'];
export type DeviceRelease = Schemas['DeviceRelease'];
export type ReceivedRelease = Schemas['ReceivedRelease'];
export type RefusedContact = Schemas['RefusedContact'];
export type WaitingDevice = Schemas['WaitingDevice'];
export type WaitsFor = Schemas['WaitsFor'];
export type NewDevice = Schemas['NewDevice'];
export type DevicePatch = Schemas['DevicePatch'];
export type DeviceTelemetry = Schemas['DeviceTelemetry'];
export type Reading = Schemas['LatestReading'];
export type Attempt = Schemas['NamedAttempt'];
export type Trace = Schemas['AttemptTrace'];
export type TraceOperation = Schemas['TraceOperation'];
export type CommissioningQuality = Schemas['CommissioningQuality'];
export type Quality = Schemas['Quality'];
export type QualityBy = Schemas['QualityBy'];
export type Checklist = Schemas['Checklist'];
export type CheckItem = Schemas['CheckItem'];
export type Evidence = Schemas['CheckEvidence'];
export type CheckRecord = Schemas['CheckRecord'];
export type Checked = Schemas['CheckedItem'];
export type CheckAnswer = Schemas['CheckAnswer'];
export type AttemptChecks = Schemas['AttemptChecks'];
export type Change = Schemas['AuditChange'];
export type AuditEntry = Schemas['AuditEntry'];
export type Party = { kind: string; id?: string | null; name?: string | null };
export type TenantRow = Schemas['TenantItem'];
export type TenantStatus = Schemas['Status'];
export type Template = Schemas['TemplateItem'];
export type OperatorMe = Schemas['OperatorMe'];
export type Mail = Schemas['MailItem'];
export type Escrowed = Schemas['Escrowed'];
