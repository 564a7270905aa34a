import Building2 from '@lucide/svelte/icons/building-2';
import ClipboardList from '@lucide/svelte/icons/clipboard-list';
import Cpu from '@lucide/svelte/icons/cpu';
import ListChecks from '@lucide/svelte/icons/list-checks';
import MapPin from '@lucide/svelte/icons/map-pin';
import Radar from '@lucide/svelte/icons/radar';
import ScrollText from '@lucide/svelte/icons/scroll-text';
import Settings from '@lucide/svelte/icons/settings';
import Shapes from '@lucide/svelte/icons/shapes';
import ShieldCheck from '@lucide/svelte/icons/shield-check';
import Users from '@lucide/svelte/icons/users';
import type { Component } from 'svelte';

/** A place of the product that navigation leads to. */
export interface Place {
  href: string;
  /** Key of its name. */
  name: string;
  icon: Component<{ size?: number | string; 'aria-hidden'?: 'true' }>;
  /** Who sees it; absent: everybody. */
  permission?: string;
  /** Whether it belongs to the few that fit at the bottom of a phone. */
  main?: boolean;
}

export const PLACES: Place[] = [
  { href: '/devices', name: 'nav-devices', icon: Cpu, main: true },
  { href: '/commission', name: 'nav-commission', icon: Radar, permission: 'device.commission', main: true },
  { href: '/sites', name: 'nav-sites', icon: MapPin, main: true },
  { href: '/models', name: 'nav-models', icon: Shapes },
  { href: '/checklist', name: 'nav-checklist', icon: ListChecks },
  { href: '/attempts', name: 'nav-attempts', icon: ClipboardList, main: true },
  { href: '/people', name: 'nav-people', icon: Users, permission: 'person.read' },
  { href: '/roles', name: 'nav-roles', icon: ShieldCheck, permission: 'person.read' },
  { href: '/organization', name: 'nav-organization', icon: Settings, permission: 'tenant.manage' },
  { href: '/audit', name: 'nav-audit', icon: ScrollText, permission: 'audit.read' }
];

export const ACCOUNTS: Place = { href: '/accounts', name: 'nav-accounts', icon: Building2 };

/** Whether `path` lies inside the place. */
export function isInside(place: Place, path: string): boolean {
  return path === place.href || path.startsWith(`${place.href}/`);
}
