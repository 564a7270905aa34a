import { moment } from './formats';
import { regional, t, tOr } from './index.svelte';

/** Fields whose values are codes, and the key of the words for each. */
const CODES: Record<string, (code: string) => string> = {
  role: (code) => `role-${code}`,
  state: (code) => `device-state-${code}`,
  outcome: (code) => `attempt-outcome-${code}`,
  client: (code) => `session-client-${code}`,
  min_security: (code) => `security-${code}`,
  because: (code) => `because-${code}`
};
/** Fields whose values are names of fields. */
const FIELDS = ['fields', 'overtaken'];

/** What a field of the API is called. */
export function fieldWords(field: string): string {
  return tOr(`field-of-${field.replaceAll(/[._]/g, '-')}`, 'field-of-other', { field: field.replaceAll('_', ' ') });
}

/** A field's value as people read it. */
export function valueWords(field: string, value: unknown): string {
  if (value === null || value === undefined || value === '') return t('value-none');
  if (Array.isArray(value)) return value.map((one) => valueWords(field, one)).join(', ');
  if (isChange(value)) return t('change-from-to', { from: valueWords(field, value.from), to: valueWords(field, value.to) });
  if (typeof value === 'boolean') return value ? t('value-yes') : t('value-no');
  if (typeof value === 'object') return Object.entries(value).map(([name, inner]) => t('change-field', { field: fieldWords(name), value: valueWords(name, inner) })).join(', ');
  if (typeof value === 'number') return field.endsWith('_at') ? moment(value, regional()) : String(value);
  const text = String(value);
  if (FIELDS.includes(field)) return fieldWords(text);
  const key = CODES[field]?.(text.replaceAll('_', '-'));
  return key ? tOr(key, 'value-data', { value: text }) : text;
}

function isChange(value: unknown): value is { from: unknown; to: unknown } {
  return typeof value === 'object' && value !== null && 'from' in value && 'to' in value;
}
