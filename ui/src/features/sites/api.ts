import { answer, api, type AsShown, type Change, filled, type NewSite, type Page, type Site } from '$lib/api';

export { SITES } from './names';

export function listSites(q: string, cursor?: string): Promise<Page<Site>> {
  return answer<Page<Site>>(api().GET('/v1/sites', { params: { query: filled({ q, cursor }) } }));
}

export function getSite(id: string): Promise<Site> {
  return answer<Site>(api().GET('/v1/sites/{id}', { params: { path: { id } } }));
}

export function createSite(body: NewSite): Promise<Site> {
  return answer<Site>(api().POST('/v1/sites', { body }));
}

export function updateSite(id: string, body: AsShown<Partial<NewSite>>): Promise<Site> {
  return answer<Site>(api().PATCH('/v1/sites/{id}', { params: { path: { id } }, body }));
}

/** What was done to a site, newest first. */
export function listChanges(id: string, cursor?: string): Promise<Page<Change>> {
  return answer<Page<Change>>(api().GET('/v1/sites/{id}/changes', { params: { path: { id }, query: filled({ cursor, limit: 20 }) } }));
}
