/** What this machine remembers from one device to the next: no secrets, and only as long as one account is in use. */
const BEGINNING = 'omniot.commission.';

const remembered = (name: string) => ({
  read: (): string | null => localStorage.getItem(BEGINNING + name),
  keep: (value: string): void => localStorage.setItem(BEGINNING + name, value)
});

/** The site of the device before. */
export const lastSite = remembered('site');
/** The name of the network of the device before. */
export const lastNetwork = remembered('ssid');

/** Forgets all of it. Whoever signs in next must not see where the one before worked. */
export function forgetChoices(): void {
  for (const key of Object.keys(localStorage).filter((key) => key.startsWith(BEGINNING))) localStorage.removeItem(key);
}
