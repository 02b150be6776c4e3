import type { ForwardInput } from '../../inference';
import { FINGERPRINT, fingerprintRow, type FingerprintRow } from '../../protocol/compute/activation-fingerprint';
import { decodeActivationFrame } from '../../protocol/wire/activation-frame';
import type { Random } from '../clock';
import type { HopContext, StepInput, StepOutput } from '../pipeline/hop-driver';
import type { ReplayMemory } from '../pipeline/span-recorder';
import type { HopWatcher } from '../pipeline/watched-hop';

/** What is kept of real work until it has been done again. Inputs are kept from the first position on, without gap. */
export const SAMPLE_LIMITS = {
  steps: 64,
  positions: 512,
  /** 512 positions at hidden 4,096 in f32. */
  bytesPerSample: 8 * 1024 * 1024,
  bytesTotal: 64 * 1024 * 1024,
} as const;

interface SampledStep {
  readonly input: StepInput;
  isDone: boolean;
  /** Of the last row that came out; null where none did. */
  row: FingerprintRow | null;
  /** What the last hop said; null at other hops. */
  tokens: readonly number[] | null;
}

/** Steps of a last hop to do again, and the tokens each of them gave; null for one that only filled its cache. */
export interface SampledAnswer {
  readonly inputs: readonly StepInput[];
  readonly tokens: readonly (readonly number[] | null)[];
}

/** Steps to do again, and what came out of some of them. */
export interface SampledWork {
  readonly inputs: readonly StepInput[];
  /** Indexes of the steps that are compared. */
  readonly compared: readonly number[];
  /** What came out of those, in their order. */
  readonly rows: readonly FingerprintRow[];
}

/** The ids of the tokens a step gave; null for anything else. */
export function outputTokens(output: StepOutput): readonly number[] | null {
  return output.kind === 'tokens' ? output.tokens.map(({ id }) => id) : null;
}

/** A fingerprint of the last row of an activation; null for anything else, and for values that are not finite. */
export function outputFingerprint(output: StepOutput): FingerprintRow | null {
  if (output.kind !== 'activation') return null;
  const frame = decodeActivationFrame(output.bytes);
  if (!frame.ok) return null;
  const { values, hiddenSize } = frame.value;
  return fingerprintRow(values.subarray(values.length - hiddenSize));
}

/** The inputs for an engine, with the position each begins at. Activations were checked when they came in. */
export function repeatedSteps({ inputs }: SampledWork): { readonly position: number; readonly input: ForwardInput }[] {
  return inputs.map((input) => {
    if (input.kind === 'ids') return { position: input.position, input: { inputIds: input.inputIds } };
    const frame = decodeActivationFrame(input.bytes);
    if (!frame.ok) throw new Error(`a kept activation cannot be read: ${frame.error.code}`);
    return { position: input.position, input: { activation: frame.value.values, positions: input.positions } };
  });
}

/** What went through one hop of one request, in memory alone. */
export class WorkSample implements HopWatcher {
  private readonly steps: SampledStep[] = [];
  private isOpen = true;
  private bytes = 0;
  private keptPositions = 0;
  /** How long prompt and answer could become. */
  maxPositions = 1;

  constructor(
    readonly context: HopContext,
    private readonly memory: ReplayMemory,
  ) {}

  began(positions: number): void {
    this.maxPositions = positions;
  }

  sent(input: StepInput): (output: StepOutput) => void {
    const kept = this.keep(input);
    if (kept === null) {
      this.isOpen = false;
      return () => undefined;
    }
    const step: SampledStep = { input: kept, isDone: false, row: null, tokens: null };
    this.steps.push(step);
    return (output) => {
      step.isDone = true;
      step.row = outputFingerprint(output);
      step.tokens = outputTokens(output);
    };
  }

  /**
   * What can be compared, with as many rows as a proof has: the end of the prompt, and others by chance, so that
   * no step can count on not being looked at. Null when nothing came out.
   */
  work(random: Random): SampledWork | null {
    const pending = this.steps.findIndex((step) => step.row === null);
    const done = pending < 0 ? this.steps : this.steps.slice(0, pending);
    if (done.length === 0) return null;
    const promptEnd = done.findIndex((step) => step.input.purpose !== 'fill');
    const first = promptEnd < 0 ? done.length - 1 : promptEnd;
    const others = [...done.keys()].filter((index) => index !== first);
    const chosen = [first];
    while (chosen.length < FINGERPRINT.rows && others.length > 0) {
      const at = Buffer.from(random.bytes(4)).readUInt32LE() % others.length;
      chosen.push(...others.splice(at, 1));
    }
    const compared = chosen.toSorted((left, right) => left - right);
    return {
      inputs: done.slice(0, (compared.at(-1) ?? 0) + 1).map((step) => step.input),
      compared,
      rows: compared.flatMap((index) => done[index]?.row ?? []),
    };
  }

  /** What a last hop answered, from the first step on; null when that is nothing. */
  answer(): SampledAnswer | null {
    const pending = this.steps.findIndex((step) => !step.isDone);
    const done = pending < 0 ? this.steps : this.steps.slice(0, pending);
    if (!done.some(({ tokens }) => tokens !== null)) return null;
    return { inputs: done.map(({ input }) => input), tokens: done.map(({ tokens }) => tokens) };
  }

  /** Forgets everything. */
  clear(): void {
    this.isOpen = false;
    this.memory.give(this.bytes);
    this.bytes = 0;
    this.steps.length = 0;
  }

  /** A copy to keep, or null where the sample ends: at a limit, or where a repair rebuilds caches. */
  private keep(input: StepInput): StepInput | null {
    const bytes = input.kind === 'activation' ? input.bytes.byteLength : input.inputIds.length * 4;
    const fits =
      this.isOpen &&
      input.purpose !== 'replay' &&
      this.steps.length < SAMPLE_LIMITS.steps &&
      this.keptPositions + input.positions <= SAMPLE_LIMITS.positions &&
      this.bytes + bytes <= SAMPLE_LIMITS.bytesPerSample &&
      this.memory.take(bytes);
    if (!fits) return null;
    this.bytes += bytes;
    this.keptPositions += input.positions;
    // A copy: what the socket hands over may be a view of a far larger buffer.
    return input.kind === 'activation' ? { ...input, bytes: Uint8Array.from(input.bytes) } : input;
  }
}
