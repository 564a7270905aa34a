import type { Component } from 'svelte';

/** One entry of a menu. */
export interface MenuItem {
  label: string;
  run: () => void;
  icon?: Component<{ size?: number | string; 'aria-hidden'?: 'true' }>;
  danger?: boolean;
}
