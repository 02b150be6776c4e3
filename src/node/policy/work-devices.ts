import type { Device } from '../../inference';
import type { HardwareReport, ProviderReport } from '../../protocol/compute/node-snapshot';
import type { DeviceId } from '../../protocol/compute/run-preferences';
import type { RunLevel } from './run-policy';

/** A device layers may be put on, and how much of its memory; null: as much main memory as the shard may take. */
export interface WorkDevice extends Device {
  readonly memoryBudgetBytes: number | null;
}

export interface WorkDevices {
  /** Fastest first, as measured here. */
  readonly devices: readonly WorkDevice[];
  /** Why other cards are not among them, one sentence each. */
  readonly reasons: readonly string[];
}

/**
 * Part of a card's memory that layers may take: the driver's own needs, the screen and other programs keep the rest. Chosen,
 * not measured.
 */
const SHARE_OF_CARD_MEMORY = 0.8;

/** Providers that run on cards of one maker alone and count them in the order of the hardware report. */
const NVIDIA_PROVIDERS: readonly string[] = ['cuda', 'tensorrt'];
const NVIDIA = /nvidia/i;

interface Card {
  readonly id: DeviceId;
  readonly vendor: string;
  readonly model: string;
  readonly memoryBytes: number | null;
}

interface Choice {
  readonly device: WorkDevice;
  readonly tokensPerSecond: number;
}

/**
 * The devices that hold a shard's layers together: the cards that may work and whose memory is known, and the processor
 * where it may work. Null where no card is of that kind: then one provider runs everything.
 */
export function workDevices(hardware: HardwareReport | null, level: RunLevel): WorkDevices | null {
  if (hardware === null) return null;
  const cards = hardware.gpus.map((card, index): Card => ({ ...card, id: `gpu${index}` }));
  const running = hardware.providers.filter(({ name, available }) => available && name !== 'cpu');
  const reasons: string[] = [];
  const numbered = nvidiaCards(cards, running, level, reasons);
  const chosen = numbered.length > 0 ? numbered : anyCard(cards, running, level);
  if (chosen.length === 0) return null;
  if (level.devices.includes('cpu')) {
    const measured = hardware.providers.find(({ name }) => name === 'cpu');
    const device = { provider: 'cpu', memoryBudgetBytes: null };
    chosen.push({ device, tokensPerSecond: measured?.tokensPerSecond ?? 0 });
  }
  chosen.sort((left, right) => right.tokensPerSecond - left.tokensPerSecond);
  return { devices: chosen.map(({ device }) => device), reasons };
}

/** Each card of the maker under its own number. */
function nvidiaCards(
  cards: readonly Card[],
  running: readonly ProviderReport[],
  level: RunLevel,
  reasons: string[],
): Choice[] {
  const choices: Choice[] = [];
  const ofMaker = cards.filter(({ vendor, model }) => NVIDIA.test(`${vendor} ${model}`));
  for (const [deviceId, card] of ofMaker.entries()) {
    const provider = running.find(
      (tried) => NVIDIA_PROVIDERS.includes(tried.name) && (tried.deviceId ?? 0) === deviceId,
    );
    if (!level.devices.includes(card.id)) continue;
    if (provider === undefined) reasons.push(`${card.model} is not used: neither cuda nor tensorrt runs on it.`);
    else if (card.memoryBytes === null) reasons.push(`${card.model} is not used: the size of its memory is not known.`);
    else choices.push(choose(provider, cardBudget(card.memoryBytes, level), deviceId));
  }
  for (const { id, model } of cards.filter((card) => !ofMaker.includes(card))) {
    if (level.devices.includes(id)) reasons.push(`${model} is not used: no provider that runs can be told to take it.`);
  }
  return choices;
}

/** The fastest provider and the card it takes by itself; which of several that is nobody knows, so the smallest bounds it. */
function anyCard(cards: readonly Card[], running: readonly ProviderReport[], level: RunLevel): Choice[] {
  const [provider] = running.filter(({ deviceId }) => deviceId === undefined);
  const memories = cards.flatMap(({ memoryBytes }) => memoryBytes ?? []);
  const mayWork = cards.some(({ id }) => level.devices.includes(id));
  if (provider === undefined || !mayWork || memories.length < cards.length) return [];
  return [choose(provider, cardBudget(Math.min(...memories), level))];
}

function choose({ name, tokensPerSecond }: ProviderReport, memoryBudgetBytes: number, deviceId?: number): Choice {
  const number = deviceId === undefined ? {} : { deviceId };
  return { device: { provider: name, ...number, memoryBudgetBytes }, tokensPerSecond: tokensPerSecond ?? 0 };
}

function cardBudget(memoryBytes: number, { vramBudgetBytes }: RunLevel): number {
  const most = Math.floor(memoryBytes * SHARE_OF_CARD_MEMORY);
  return vramBudgetBytes === null ? most : Math.min(most, vramBudgetBytes);
}
