import { describe, expect, it } from 'vitest';
import type { Trace, TraceOperation } from '$lib/api';
import { barsOf } from './timeline';
import { codeOf, shown, stepsOf, went } from './trace';

const operation = (more: Partial<TraceOperation>): TraceOperation => ({ at_ms: 0, duration_ms: 1, kind: 'read', step: 'version', outcome: 'ok', ...more });
const trace: Trace = { attempt_id: 'att_1', started_at: 0, left_out: 0, operations: [operation({ step: 'connect', kind: 'connect' }), operation({ outcome: 'att', code: 4 }), operation({ step: 'join' })] };

describe('a trace', () => {
  it('is narrowed to a step and to what went wrong', () => {
    expect(stepsOf(trace)).toEqual(['connect', 'version', 'join']);
    expect(shown(trace, '', false)).toHaveLength(3);
    expect(shown(trace, 'version', false)).toEqual([trace.operations[1]]);
    expect(shown(trace, '', true)).toEqual([trace.operations[1]]);
    expect(shown(trace, 'join', true)).toEqual([]);
    expect(trace.operations.map(went)).toEqual([true, false, true]);
  });

  it('writes codes as their standards do', () => {
    expect(codeOf(operation({ outcome: 'att', code: 4 }))).toBe('ATT 0x04');
    expect(codeOf(operation({ outcome: 'att', code: 0x85 }))).toBe('ATT 0x85');
    expect(codeOf(operation({ outcome: 'gatt', code: 133 }))).toBe('GATT 133');
    expect(codeOf(operation({ outcome: 'hci', code: 0x3e }))).toBe('HCI 0x3E');
    expect(codeOf(operation({ outcome: 'gone' }))).toBe('');
  });
});

describe('a time line', () => {
  it('shows each step where it ran within the whole', () => {
    expect(barsOf([{ started_at: 1_000, duration_ms: 250 }, { started_at: 1_250, duration_ms: 750 }])).toEqual([{ from: 0, width: 25 }, { from: 25, width: 75 }]);
  });

  it('shows nothing where there are no times, and stays within itself when a clock jumped', () => {
    expect(barsOf([])).toEqual([]);
    expect(barsOf([{ started_at: null, duration_ms: null }])).toEqual([]);
    for (const { from, width } of barsOf([{ started_at: 9_000, duration_ms: 10 }, { started_at: 1_000, duration_ms: 20 }])) {
      expect(from).toBeGreaterThanOrEqual(0);
      expect(from + width).toBeLessThanOrEqual(100);
    }
  });
});
