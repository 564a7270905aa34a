import { describe, expect, it } from 'vitest';
import type { Brand } from '$lib/api';
import { logo, variables } from './tokens';

const brand = (light: Record<string, string>, more: Partial<Brand> = {}): Brand => ({ name: 'Acme', words: { tagline: '' }, radius: 6, logo: '', tokens: { light, dark: {} }, ...more });

describe('a brand', () => {
  it('becomes CSS variables, with or without the leading dashes', () => {
    const found = variables(brand({ '--accent': '#b4470c', on_accent: 'oklch(98% 0.01 80)' }), 'light');
    expect(Object.fromEntries(found)).toEqual({ '--accent': '#b4470c', '--on-accent': 'oklch(98% 0.01 80)', '--radius': '6px' });
  });

  it('cannot reach out of a declaration', () => {
    const hostile = { accent: 'red; background: url(https://evil.example)', 'x;y': '#fff', bg: 'url(https://evil.example)', text: 'expression(alert(1))' };
    expect([...variables(brand(hostile, { font: "x'; } body { display: none" }), 'light').keys()]).toEqual(['--radius']);
  });

  it('leaves the default in place for what it does not name', () => {
    expect(variables(brand({ accent: '#123456' }), 'dark').has('--accent')).toBe(false);
  });

  it('shows a logo only when it carries it itself or our origin serves it', () => {
    const shown = (source: string) => logo(brand({}, { logo: source }));
    expect(shown('data:image/svg+xml;base64,AAAA')).not.toBeNull();
    expect(shown('/v1/logo.svg')).not.toBeNull();
    expect(shown('https://tracker.example/p.gif')).toBeNull();
    expect(shown('//tracker.example/p.gif')).toBeNull();
    expect(shown('data:text/html,<script>')).toBeNull();
  });
});
