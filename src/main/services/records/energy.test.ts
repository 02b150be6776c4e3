import { describe, expect, it } from 'vitest';
import { energyOf, GRAPHICS_WATTS, WATTS_PER_CORE, type PowerUse } from './energy';

const use: PowerUse = {
  ownCpuPercent: 30,
  otherCpuPercent: 10,
  packageWatts: null,
  graphicsWatts: null,
  cores: 8,
  fullLoadWatts: null,
};

describe('energy', () => {
  it('of a measured package is shared by processor time', () => {
    // 40 W for a minute, three quarters of the use ours.
    expect(energyOf({ ...use, packageWatts: 40 }, 'cpu', 60, 60)).toEqual({ joules: 1_800, measuredJoules: 1_800 });
    expect(energyOf({ ...use, packageWatts: 40, ownCpuPercent: 0, otherCpuPercent: 0 }, 'cpu', 60, 0).joules).toBe(0);
  });

  it('is an estimate where nothing is measured, by the cores or by the person’s figure', () => {
    const byCores = energyOf(use, 'cpu', 100, 100);
    expect(byCores.joules).toBeCloseTo(0.3 * 8 * WATTS_PER_CORE * 100);
    expect(byCores.measuredJoules).toBe(0);
    expect(energyOf({ ...use, fullLoadWatts: 100 }, 'cpu', 100, 100).joules).toBeCloseTo(3_000);
  });

  it('of a graphics card counts while a request is at work', () => {
    const idle = { ...use, ownCpuPercent: 0 };
    expect(energyOf({ ...idle, graphicsWatts: 90 }, 'gpu0', 60, 10)).toEqual({ joules: 900, measuredJoules: 900 });
    expect(energyOf(idle, 'gpu0', 60, 10)).toEqual({ joules: GRAPHICS_WATTS * 10, measuredJoules: 0 });
  });

  it('of a processor nobody could read is not made up', () => {
    expect(energyOf({ ...use, ownCpuPercent: null }, 'cpu', 60, 60)).toEqual({ joules: 0, measuredJoules: 0 });
  });
});
