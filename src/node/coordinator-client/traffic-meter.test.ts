import { describe, expect, it } from 'vitest';
import { ManualClock } from '../test-doubles/manual-clock';
import { TrafficMeter } from './traffic-meter';

describe('TrafficMeter', () => {
  it('counts both directions and holds nothing back without limits', () => {
    const meter = new TrafficMeter(new ManualClock());
    expect(meter.sent(5_000_000)).toBe(0);
    expect(meter.received(7)).toBe(0);
    expect(meter.total).toEqual({ sent: 5_000_000, received: 7 });
  });

  it('keeps a stream to its rate', () => {
    const clock = new ManualClock();
    const meter = new TrafficMeter(clock);
    meter.setLimits({ upload: 1_000, download: null });
    const begun = clock.now();
    for (let index = 0; index < 20; index += 1) clock.advance(meter.sent(500));
    // Ten thousand bytes at a thousand a second, of which the burst may run one second ahead.
    expect(clock.now() - begun).toBe(9_000);
    expect(meter.received(1_000_000)).toBe(0);
  });

  it('lets later frames wait at least as long as earlier ones', () => {
    const meter = new TrafficMeter(new ManualClock());
    meter.setLimits({ upload: 1_000, download: null });
    const waits = [3_000, 10, 10].map((bytes) => meter.sent(bytes));
    expect(waits).toEqual([2_000, 2_010, 2_020]);
  });

  it('holds nothing back for longer when the time of day is set back', () => {
    const clock = new ManualClock();
    const meter = new TrafficMeter(clock);
    meter.setLimits({ upload: 1_000, download: null });
    meter.sent(1_000);
    clock.set(-3 * 3_600_000);
    expect(meter.sent(1_000)).toBe(1_000);
  });

  it('forgets its debt when the limit changes', () => {
    const meter = new TrafficMeter(new ManualClock());
    meter.setLimits({ upload: 1, download: null });
    meter.sent(1_000);
    meter.setLimits({ upload: null, download: null });
    expect(meter.sent(1_000)).toBe(0);
  });
});
