import { answer, api, filled, type Invitation, type Page, type Person, type PersonSites, type RoleName, type RoleRow, type Session } from '$lib/api';

export { PEOPLE } from './names';
export const INVITATIONS = ['invitations'] as const;
export const ROLES: RoleName[] = ['owner', 'admin', 'operator', 'viewer', 'technician'];

export function listPeople(q: string, cursor?: string): Promise<Page<Person>> {
  return answer<Page<Person>>(api().GET('/v1/people', { params: { query: filled({ q, cursor }) } }));
}

export function updatePerson(id: string, body: { name?: string; role?: RoleName }): Promise<Person> {
  return answer<Person>(api().PATCH('/v1/people/{id}', { params: { path: { id } }, body }));
}

export function removePerson(id: string): Promise<unknown> {
  return answer(api().DELETE('/v1/people/{id}', { params: { path: { id } } }));
}

export function listPersonSessions(id: string): Promise<Page<Session>> {
  return answer<Page<Session>>(api().GET('/v1/people/{id}/sessions', { params: { path: { id } } }));
}

export function revokePersonSessions(id: string): Promise<unknown> {
  return answer(api().DELETE('/v1/people/{id}/sessions', { params: { path: { id } } }));
}

/** Where a person works; `sites` is null for everywhere. */
export function getPersonSites(id: string): Promise<PersonSites> {
  return answer<PersonSites>(api().GET('/v1/people/{id}/sites', { params: { path: { id } } }));
}

export function setPersonSites(id: string, places: PersonSites): Promise<unknown> {
  return answer(api().PUT('/v1/people/{id}/sites', { params: { path: { id } }, body: places }));
}

export function listInvitations(cursor?: string): Promise<Page<Invitation>> {
  return answer<Page<Invitation>>(api().GET('/v1/invitations', { params: { query: filled({ cursor }) } }));
}

export function invite(email: string, role: RoleName, places: PersonSites): Promise<Invitation> {
  return answer<Invitation>(api().POST('/v1/invitations', { body: { email, role, ...places } }));
}

export function withdrawInvitation(id: string): Promise<unknown> {
  return answer(api().DELETE('/v1/invitations/{id}', { params: { path: { id } } }));
}

export function listRoles(): Promise<{ items: RoleRow[] }> {
  return answer<{ items: RoleRow[] }>(api().GET('/v1/roles'));
}

/** The roles that somebody with these permissions may give to others. */
export function assignable(may: (permission: string) => boolean): RoleName[] {
  return ROLES.filter((role) => (role === 'owner' ? may('owner.manage') : may('person.manage')));
}
