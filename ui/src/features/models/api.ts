import { answer, api, type AsShown, type Change, filled, type DeviceModel, type NewModel, type Page, type Security } from '$lib/api';

export { MODELS } from './names';
/** What a model may ask of the radio session, strongest first. */
export const SECURITIES: Security[] = ['sec2_patch1', 'sec2_patch0', 'sec1'];

export function listModels(q: string, cursor?: string): Promise<Page<DeviceModel>> {
  return answer<Page<DeviceModel>>(api().GET('/v1/models', { params: { query: filled({ q, cursor }) } }));
}

export function createModel(body: NewModel): Promise<DeviceModel> {
  return answer<DeviceModel>(api().POST('/v1/models', { body }));
}

export function updateModel(id: string, body: AsShown<Partial<NewModel>>): Promise<DeviceModel> {
  return answer<DeviceModel>(api().PATCH('/v1/models/{id}', { params: { path: { id } }, body }));
}

/** Key of the words for a level of protection. */
export function securityKey(security: string): string {
  return `security-${security.replaceAll('_', '-')}`;
}

/** What was done to a model, newest first. */
export function listChanges(id: string, cursor?: string): Promise<Page<Change>> {
  return answer<Page<Change>>(api().GET('/v1/models/{id}/changes', { params: { path: { id }, query: filled({ cursor, limit: 20 }) } }));
}
