import { describe, expect, it } from 'vitest';
import { ManualClock, until } from '../test-doubles/manual-clock';
import { Pacer, passShare } from './pacer';

/** Runs passes of a length one after the other and moves the clock through their rests; returns the time it took. */
async function runPasses(pacer: Pacer, clock: ManualClock, lengthsMs: readonly number[]): Promise<number> {
  const begun = clock.now();
  for (const lengthMs of lengthsMs) {
    let done = false;
    void pacer
      .run(() => {
        clock.advance(lengthMs);
        return Promise.resolve();
      })
      .then(() => {
        done = true;
      });
    await until(() => {
      const [next] = clock.waiting;
      if (!done && next !== undefined) clock.advance(next);
      return done;
    });
  }
  return clock.now() - begun;
}

describe('Pacer', () => {
  it('does not touch passes that may take the whole device', async () => {
    const clock = new ManualClock();
    expect(await runPasses(new Pacer(clock), clock, [100, 100, 100])).toBe(300);
  });

  it.each([0.5, 0.25, 0.1])('keeps passes to a share of %d', async (share) => {
    const clock = new ManualClock();
    const pacer = new Pacer(clock);
    pacer.setShare(share);
    const passes = Array.from({ length: 50 }, () => 20);
    const took = await runPasses(pacer, clock, passes);
    // The rest after the last pass is still owed.
    expect(1_000 / (took + 20 * (1 / share - 1))).toBeCloseTo(share, 5);
  });

  it('rests a long pass in parts, so that those that wait see progress', async () => {
    const clock = new ManualClock();
    const pacer = new Pacer(clock);
    pacer.setShare(0.1);
    await runPasses(pacer, clock, [1_000]);
    expect(await runPasses(pacer, clock, [10])).toBe(1_010);
    expect(await runPasses(pacer, clock, [10])).toBe(1_010);
  });

  it('counts idle time as rest', async () => {
    const clock = new ManualClock();
    const pacer = new Pacer(clock);
    pacer.setShare(0.5);
    await runPasses(pacer, clock, [100]);
    clock.advance(100);
    expect(await runPasses(pacer, clock, [10])).toBe(10);
  });

  it('ends a rest when the share grows', async () => {
    const clock = new ManualClock();
    const pacer = new Pacer(clock);
    pacer.setShare(0.1);
    await runPasses(pacer, clock, [100]);
    let done = false;
    void pacer.run(() => Promise.resolve()).then(() => (done = true));
    await until(() => clock.waiting.length === 1);
    pacer.setShare(1);
    await until(() => done);
    expect(clock.waiting).toEqual([]);
  });

  it('runs one pass at a time', async () => {
    const pacer = new Pacer(new ManualClock());
    pacer.setShare(0.9);
    let running = 0;
    let most = 0;
    const pass = async (): Promise<void> => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
    };
    await Promise.all([pacer.run(pass), pacer.run(pass), pacer.run(pass)]);
    expect(most).toBe(1);
  });
});

describe('passShare', () => {
  it('is larger where a pass keeps only some cores busy', () => {
    expect(passShare(0.5, null, 8)).toBe(0.5);
    expect(passShare(0.5, 8, 8)).toBe(0.5);
    expect(passShare(0.25, 4, 8)).toBe(0.5);
    expect(passShare(0.5, 2, 8)).toBe(1);
  });
});
