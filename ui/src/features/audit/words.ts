import type { Party } from '$lib/api';
import { fieldWords, valueWords } from '$lib/i18n/fields';
import { t, tOr } from '$lib/i18n/index.svelte';

/** What an action such as `device.created` means, in words. */
export function actionWords(action: string): string {
  return tOr(`action-of-${action.replaceAll(/[._]/g, '-')}`, 'action-of-other', { action });
}

/** Who did it, or to what it was done. */
export function partyWords(party: Party): string {
  return party.name ?? tOr(`party-${party.kind.replaceAll('_', '-')}`, 'party-other', { kind: party.kind });
}

/** Details as lines of "field: value", whatever shape they have; but for those named in `apart`. */
export function detailLines(detail: unknown, apart: string[] = []): string[] {
  if (detail === null || detail === undefined) return [];
  if (typeof detail !== 'object') return [String(detail)];
  const told = Object.entries(detail as Record<string, unknown>).filter(([field, value]) => !apart.includes(field) && value !== null && !(Array.isArray(value) && value.length === 0));
  return told.map(([field, value]) => t('change-field', { field: fieldWords(field), value: valueWords(field, value) }));
}
