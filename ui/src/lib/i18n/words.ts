import { FluentBundle, FluentResource, type FluentVariable } from '@fluent/bundle';
import { turnAround } from './pseudo';

const files = import.meta.glob<string>(['../../../../shared/words/en/*.ftl', '!../../../../shared/words/en/mail.ftl'], { query: '?raw', import: 'default', eager: true });

/** The languages one can choose; `ar-XB` is the pseudo-locale for right-to-left. */
export const LOCALES = ['en', 'ar-XB'] as const;
export type Locale = (typeof LOCALES)[number];

export type Args = Record<string, FluentVariable>;

/** In which direction a language is written. */
export function directionOf(locale: Locale): 'ltr' | 'rtl' {
  return locale === 'ar-XB' ? 'rtl' : 'ltr';
}

/** All messages of a language; their numbers are written as in `written`. */
export function bundleOf(locale: Locale, written: string = locale): FluentBundle {
  const bundle = new FluentBundle([written, locale], {
    // Marks around values matter where directions mix; elsewhere they would end up in copied text.
    useIsolating: directionOf(locale) === 'rtl',
    ...(locale === 'ar-XB' ? { transform: turnAround } : {})
  });
  for (const [name, text] of Object.entries(files)) {
    const problems = bundle.addResource(new FluentResource(text));
    if (problems.length > 0) throw new Error(`${name}: ${problems.map(String).join('; ')}`);
  }
  return bundle;
}

/** The words of a message, or null when there is no such message. */
export function format(bundle: FluentBundle, key: string, args?: Args): string | null {
  const pattern = bundle.getMessage(key)?.value;
  return pattern ? bundle.formatPattern(pattern, args) : null;
}
