import svelte from 'eslint-plugin-svelte';
import globals from 'globals';
import ts from 'typescript-eslint';
import config from './svelte.config.js';

export default ts.config(
  { ignores: ['build/', '.svelte-kit/', 'src/lib/api/schema.ts', 'output/'] },
  ...ts.configs.strict,
  ...svelte.configs.recommended,
  { languageOptions: { globals: { ...globals.browser, ...globals.node } } },
  {
    files: ['**/*.svelte', '**/*.svelte.ts'],
    languageOptions: { parserOptions: { projectService: false, extraFileExtensions: ['.svelte'], parser: ts.parser, svelteConfig: config } }
  },
  {
    rules: {
      'no-console': 'error',
      'no-restricted-globals': ['error', { name: 'fetch', message: 'Requests go through lib/host.' }],
      // Paths are plain here: one page serves all of them, at the root.
      'svelte/no-navigation-without-resolve': 'off',
      // A space at the end of a line is kept by {' '} only.
      'svelte/no-useless-mustaches': 'off',
      // The maps here are caches; nothing renders them.
      'svelte/prefer-svelte-reactivity': 'off',
      'svelte/require-each-key': 'error'
    }
  },
  { files: ['src/lib/host/**'], rules: { 'no-restricted-globals': 'off' } }
);
