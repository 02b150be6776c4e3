/** Where a session runs: an execution provider and, where it drives several cards, which of them. */
export interface Device {
  readonly provider: string;
  /** Counted from 0 as the provider does; left out: the one it takes by itself. */
  readonly deviceId?: number | undefined;
}

/** Providers of onnxruntime-node that take the number of a card; `webgpu` refuses one, the others ignore it. */
const NUMBERED_PROVIDERS: readonly string[] = ['cuda', 'tensorrt', 'dml'];

/** No computer has more cards; a larger number is a mistake. */
export const MAX_DEVICE_ID = 63;

export function takesDeviceId(provider: string): boolean {
  return NUMBERED_PROVIDERS.includes(provider);
}

/** Whether tensors can stay on a device from one run to the next: onnxruntime-node hands out those of WebGPU alone. */
export function keepsTensors({ provider }: Device): boolean {
  return provider === 'webgpu';
}

/** Such as `cpu`, `cuda` or `cuda:1`. */
export function deviceName({ provider, deviceId }: Device): string {
  return deviceId === undefined ? provider : `${provider}:${deviceId}`;
}

/** A device and the memory of it that layers may take. */
export interface DeviceLimit extends Device {
  readonly memoryBudgetBytes: number;
}

/** The processor: always there. */
export const FALLBACK_DEVICE: Device = { provider: 'cpu' };

/** Whether a device is the processor, whose memory is the main memory. */
export function isProcessor({ provider }: Device): boolean {
  return provider === 'cpu';
}
