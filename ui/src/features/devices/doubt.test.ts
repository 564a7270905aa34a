import { describe, expect, test } from 'vitest';
import type { Attempt } from '$lib/api';
import { inDoubt } from './doubt';

const DAY = 24 * 3_600_000;
const attempt = (over: Partial<Attempt>): Attempt => ({ id: 'att_1', outcome: 'succeeded', technician_id: 'per_1', site_id: 'site_1', epoch: 1, started_at: 0, ...over }) as Attempt;
const first = attempt({});

describe('two commissions of one device', () => {
  test('are in doubt without an order of the device, or at two sites', () => {
    const others: Partial<Attempt>[] = [{ epoch: 1 }, { epoch: 1, started_at: 300 * DAY }, { epoch: null }, { epoch: 2, site_id: 'site_2' }];
    for (const other of others) {
      const second = attempt({ id: 'att_2', technician_id: 'per_2', started_at: DAY, ...other });
      expect(inDoubt([first, second])).toEqual([second, first]);
    }
  });

  test('are not, where the device counted on, one person did both, they are far apart, or one failed', () => {
    const others: Partial<Attempt>[] = [{ epoch: 2 }, { technician_id: 'per_1' }, { started_at: 15 * DAY, epoch: 2, site_id: 'site_2' }, { started_at: 15 * DAY, epoch: null }, { outcome: 'failed' }];
    for (const other of others) {
      expect(inDoubt([attempt({ id: 'att_2', technician_id: 'per_2', started_at: DAY, epoch: 1, ...other }), first])).toBeNull();
    }
    expect(inDoubt([first])).toBeNull();
  });

  test('are settled by a third one', () => {
    const second = attempt({ id: 'att_2', technician_id: 'per_2', started_at: DAY });
    // Its tablet's clock is a year behind.
    const third = attempt({ id: 'att_3', technician_id: 'per_3', epoch: 2, started_at: -365 * DAY });
    expect(inDoubt([third, second, first])).toBeNull();
  });
});
