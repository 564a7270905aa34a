import { answer, api, filled, type Page, type SiteGroup, type SiteGroupItem } from '$lib/api';
import { everyPage } from '$lib/api/lists.svelte';

export const SITE_GROUPS = ['site-groups'] as const;

export function listSiteGroups(q: string, cursor?: string): Promise<Page<SiteGroupItem>> {
  return answer<Page<SiteGroupItem>>(api().GET('/v1/site-groups', { params: { query: filled({ q, cursor }) } }));
}

/** Every group of the tenant, page by page. */
export function allSiteGroups(): Promise<SiteGroupItem[]> {
  return everyPage((cursor) => answer<Page<SiteGroupItem>>(api().GET('/v1/site-groups', { params: { query: filled({ limit: 200, cursor }) } })));
}

export function getSiteGroup(id: string): Promise<SiteGroup> {
  return answer<SiteGroup>(api().GET('/v1/site-groups/{id}', { params: { path: { id } } }));
}

export function createSiteGroup(name: string, sites: string[]): Promise<SiteGroup> {
  return answer<SiteGroup>(api().POST('/v1/site-groups', { body: { name, sites } }));
}

/** `version` is the one that was looked at: what somebody changed since is not overwritten. */
export function updateSiteGroup(id: string, version: number, name: string, sites: string[]): Promise<SiteGroup> {
  return answer<SiteGroup>(api().PATCH('/v1/site-groups/{id}', { params: { path: { id } }, body: { version, name, sites } }));
}

export function deleteSiteGroup(id: string): Promise<unknown> {
  return answer(api().DELETE('/v1/site-groups/{id}', { params: { path: { id } } }));
}
