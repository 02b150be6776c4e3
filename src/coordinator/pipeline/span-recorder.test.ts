import { describe, expect, it } from 'vitest';
import { ReplayMemory, SpanRecorder } from './span-recorder';

const frame = (fill: number, bytes = 10): Uint8Array => new Uint8Array(bytes).fill(fill);

describe('what is kept of a request', () => {
  it('comes back in order, the later of two for the same step', () => {
    const recorder = new SpanRecorder(new ReplayMemory());
    recorder.record(3, 0, frame(1));
    recorder.record(3, 1, frame(2));
    recorder.record(3, 1, frame(5));
    expect(recorder.framesOf(3, 2)?.map((kept) => kept[0])).toEqual([1, 5]);
    expect(recorder.framesOf(3, 1)).toHaveLength(1);
    expect(recorder.framesOf(3, 3)).toBeNull();
    expect(recorder.framesOf(6, 0)).toBeNull();
  });

  it('keeps no larger buffer alive than its frames', () => {
    const recorder = new SpanRecorder(new ReplayMemory());
    const whole = frame(1);
    recorder.record(3, 0, whole);
    recorder.record(3, 1, frame(2, 1_000).subarray(5, 15));
    const [first, second] = recorder.framesOf(3, 2) ?? [];
    expect(first).toBe(whole);
    expect(second).toEqual(frame(2));
    expect(second?.buffer.byteLength).toBe(10);
  });

  it('is given up by whole borders at the limit of the request, and of all requests together', () => {
    const memory = new ReplayMemory(100);
    const one = new SpanRecorder(memory, 35);
    for (let step = 0; step < 2; step += 1) {
      one.record(3, step, frame(step));
      one.record(6, step, frame(step));
    }
    // 40 bytes would be too many: the border that came last is gone, and stays so.
    expect(one.framesOf(6, 1)).toBeNull();
    expect(one.framesOf(3, 2)).toHaveLength(2);
    one.record(6, 2, frame(2));
    expect(one.framesOf(6, 0)).toBeNull();
    const two = new SpanRecorder(memory, 1_000);
    two.record(3, 0, frame(1, 80));
    two.record(3, 1, frame(1, 10));
    expect(two.framesOf(3, 1)).toBeNull();
    one.clear();
    const three = new SpanRecorder(memory, 1_000);
    three.record(3, 0, frame(1, 100));
    expect(three.framesOf(3, 1)).toHaveLength(1);
  });

  it('has no gaps: a border that begins later is computed again instead', () => {
    const recorder = new SpanRecorder(new ReplayMemory());
    recorder.record(4, 5, frame(1));
    recorder.record(4, 0, frame(1));
    expect(recorder.framesOf(4, 1)).toBeNull();
  });
});
