import type { FinishReason } from '../../protocol/compute/model';
import type { PlannedHop } from '../scheduling/scheduler';
import {
  hopFailure,
  type HopDriver,
  type HopFailure,
  type HopResult,
  type StepInput,
  type StepOutput,
} from './hop-driver';
import type { PipelineStep } from './pipeline-steps';
import { RelayHop } from './relay-driver';

/** A planned hop with the driver that works it. */
export interface ChainHop {
  readonly planned: PlannedHop;
  readonly driver: HopDriver;
  /** Its node sends activations to the next hop by itself. */
  isLinked: boolean;
}

/** Told of each activation on its way into a hop. */
export type FrameObserver = (layerStart: number, frame: Uint8Array) => void;

/** What the facts of a step are made of, beside the step. */
export interface StepNumbering {
  readonly step: number;
  readonly remainingTokens: number;
}

function firstInput(step: PipelineStep, numbering: StepNumbering): StepInput {
  const { purpose, position, inputIds, draftIds } = step;
  return { kind: 'ids', ...numbering, purpose, position, positions: inputIds.length, inputIds, draftIds };
}

function linkLost(from: RelayHop, to: RelayHop): { readonly ok: false; readonly error: HopFailure } {
  const { error } = hopFailure(from.nodeId, 'node-lost', `The link from node ${from.nodeId} to ${to.nodeId} was lost.`);
  return { ok: false, error: { ...error, isLinkOnly: true } };
}

/** Hop by hop: each answer is the next one's input, except inside a linked group, whose nodes pass on by themselves. */
export class HopChain {
  constructor(readonly hops: readonly ChainHop[]) {}

  get isStreaming(): boolean {
    return this.hops.every(({ driver }) => driver.isStreaming);
  }

  /** Sends one step through hops `from` to `to`, and returns what comes out of the last of them. */
  async pass(
    step: PipelineStep,
    numbering: StepNumbering,
    observe: FrameObserver,
    signal: AbortSignal,
  ): Promise<HopResult<StepOutput>> {
    return this.passInput(firstInput(step, numbering), 0, this.hops.length - 1, observe, signal);
  }

  /**
   * Sends a step from one hop to another.
   *
   * @param first - token ids for hop 0, else the activation that enters hop `from`
   */
  async passInput(
    first: StepInput,
    from: number,
    to: number,
    observe: FrameObserver,
    signal: AbortSignal,
  ): Promise<HopResult<StepOutput>> {
    let input = first;
    for (let at = from; at <= to; at += 1) {
      const groupEnd = Math.min(to, this.groupEnd(at));
      if (at > 0 && input.kind === 'activation') observe(this.rangeStart(at), input.bytes);
      const output =
        groupEnd > at
          ? await this.passGroup(input, at, groupEnd, observe, signal)
          : await this.driver(at).step(input, signal);
      at = groupEnd;
      if (!output.ok || at === to) return output;
      if (output.value.kind !== 'activation') return this.gaveNothing(at);
      const { step, purpose, position, positions, draftIds, remainingTokens } = input;
      input = {
        kind: 'activation',
        step,
        purpose,
        position,
        positions,
        draftIds,
        remainingTokens,
        bytes: output.value.bytes,
      };
    }
    throw new Error('a pass has at least one hop');
  }

  /** The last hop of the linked group that hop `at` belongs to. */
  groupEnd(at: number): number {
    let end = at;
    while (this.hops[end]?.isLinked === true && end < this.hops.length - 1) end += 1;
    return end;
  }

  /** Everything goes over the coordinator from now on; steps before `firstStep` are void. */
  relayAll(firstStep: number): void {
    for (const [index, hop] of this.hops.entries()) {
      hop.isLinked = false;
      hop.driver.route(index, this.hops.length, firstStep);
    }
  }

  close(reason: FinishReason): void {
    for (const { driver } of this.hops) driver.close(reason);
  }

  /** The nodes of a group hand activations on themselves; one that cannot sends its frame here, and it goes on from here. */
  private passGroup(
    input: StepInput,
    from: number,
    to: number,
    observe: FrameObserver,
    signal: AbortSignal,
  ): Promise<HopResult<StepOutput>> {
    return new Promise((resolve) => {
      const members = this.hops.slice(from, to + 1).map(({ driver }) => {
        if (!(driver instanceof RelayHop)) throw new Error('only nodes with a connection are linked');
        return driver;
      });
      const stopWatching: (() => void)[] = [];
      const finish = (result: HopResult<StepOutput>): void => {
        for (const stop of stopWatching.splice(0)) stop();
        resolve(result);
        for (const member of members) member.forget(input.step);
      };
      for (const [index, member] of members.entries()) {
        const next = members[index + 1];
        let hasHandedOn = false;
        if (next !== undefined) {
          // What it handed on over a link that then failed may never have arrived.
          // Looked at a turn later: a socket may give both messages at once, before what follows from the first.
          const notice = (): void => {
            setImmediate(() => {
              if (hasHandedOn) finish(linkLost(member, next));
            });
          };
          member.unlinkedListeners.add(notice);
          stopWatching.push(() => member.unlinkedListeners.delete(notice));
        }
        void member.receive(input, signal).then((result) => {
          if (!result.ok || next === undefined) return finish(result);
          if (result.value.kind !== 'activation') {
            hasHandedOn = true;
            return undefined;
          }
          observe(next.range.layer_start, result.value.bytes);
          return next.send({ ...input, kind: 'activation', bytes: result.value.bytes });
        });
      }
      const last = members.at(-1);
      if (input.draftIds.length > 0 && last !== members[0]) last?.expect(input);
      members[0]?.send(input);
    });
  }

  private gaveNothing(at: number): { readonly ok: false; readonly error: HopFailure } {
    const { nodeId, range } = this.driver(at);
    const layers = `${range.layer_start}-${range.layer_end}`;
    return hopFailure(nodeId, 'frame-invalid', `Node ${nodeId} (layers ${layers}) sent no activation.`, {
      isWrongAnswer: true,
    });
  }

  private driver(at: number): HopDriver {
    const hop = this.hops[at];
    if (hop === undefined) throw new Error(`the pipeline has no hop ${at}`);
    return hop.driver;
  }

  private rangeStart(at: number): number {
    return this.driver(at).range.layer_start;
  }
}

/**
 * Opens hops at once; the first failure ends the others.
 *
 * @returns what the first of them made of the prompt, where it is the first hop
 */
export async function openHops(
  hops: readonly HopDriver[],
  signal: AbortSignal,
): Promise<HopResult<{ inputIds: readonly number[] }>> {
  const stopOthers = new AbortController();
  const stop = (): void => stopOthers.abort();
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  const failures: HopFailure[] = [];
  const opened = await Promise.all(
    hops.map(async (hop) => {
      const result = await hop.open(stopOthers.signal);
      if (!result.ok) {
        failures.push(result.error);
        stop();
      }
      return result;
    }),
  );
  signal.removeEventListener('abort', stop);
  const [failure] = failures;
  if (failure !== undefined) return { ok: false, error: failure };
  const [first] = opened;
  return { ok: true, value: { inputIds: first?.ok === true ? (first.value.inputIds ?? []) : [] } };
}
