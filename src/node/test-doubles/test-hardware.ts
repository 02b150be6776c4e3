import type { HardwareReader } from '../hardware/hardware-facts';

/** A computer with two cores, 8 GiB of memory and no graphics card, whose system gives it no id. */
export const testHardware: HardwareReader = {
  cpu: async () => ({ manufacturer: 'Test', brand: 'Processor', cores: 2, physicalCores: 2 }),
  mem: async () => ({ total: 8 * 2 ** 30, available: 4 * 2 ** 30 }),
  uuid: async () => ({ os: '' }),
  graphics: async () => ({ controllers: [] }),
};
