import type { FinishReason } from '../../protocol/compute/model';
import type { HopCommand } from '../../protocol/federation/hop-messages';
import { FEDERATION_LIMITS } from '../../protocol/federation/limits';
import { readdressFrame, type ActivationFrameHeader } from '../../protocol/wire/activation-frame';
import { WIRE_LIMITS } from '../../protocol/wire/limits';
import type { HopWork } from '../ledger/pricing';
import type { KnownModel } from '../models/model-catalogue';
import { HopChain, openHops, type ChainHop } from '../pipeline/hop-chain';
import { frameProblem, type HopFailure, type HopResult, type StepInput, type StepOutput } from '../pipeline/hop-driver';
import { isEarlierStep } from '../pipeline/relay-driver';
import type { SealedLink } from './sealed-link';

type Opening = Extract<HopCommand, { type: 'hop-open' }>;
type CommandOf<Name extends HopCommand['type']> = Extract<HopCommand, { type: Name }>;

/** A position is paid for once: it comes again where guesses were wrong, at most a step of them for each token. */
const MAX_TIMES_HANDED_IN = WIRE_LIMITS.maxDraftTokens + 2;

/** Why a hop ended before it was closed. */
export interface HopProblem {
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
  /** The peer did what it may not. */
  readonly isMisbehaviour: boolean;
}

/** How a hop ended. */
export interface HopEnd {
  readonly work: HopWork;
  readonly problem: HopProblem | null;
  readonly finishReason: FinishReason;
}

/** One hop of a peer's pipeline, done by own nodes one after another. What the peer sends is checked before a node sees it. */
export class ServedHop {
  private readonly chain: HopChain;
  private readonly isFirst: boolean;
  private readonly isLast: boolean;
  private isOpen = false;
  /** Prompt and answer together, as the peer has begun it; 0 before. */
  private positions = 0;
  /** Positions handed in so far, from the first on without a gap. */
  private reached = 0;
  /** Positions handed in, counted again as often as they came again. */
  private handedIn = 0;
  private readonly done = { positions: 0, tokens: 0 };
  private latestStep: number | null = null;
  private readonly underWay = new Map<number, AbortController>();
  private readonly guesses = new Map<number, readonly number[]>();
  private heardAtMs = performance.now();
  private readonly signs: NodeJS.Timeout;
  private finish: (end: HopEnd) => void = () => undefined;
  private readonly ended: Promise<HopEnd>;
  private hasEnded = false;

  constructor(
    readonly opening: Opening,
    private readonly link: SealedLink,
    private readonly model: KnownModel,
    private readonly hops: readonly ChainHop[],
    private readonly failed: (hop: ChainHop, failure: HopFailure) => void,
    private readonly signal: AbortSignal,
  ) {
    this.chain = new HopChain(hops);
    this.isFirst = hops[0]?.planned.range.layer_start === 0;
    this.isLast = hops.at(-1)?.planned.range.layer_end === model.manifest.total_layers - 1;
    this.ended = new Promise((resolve) => {
      this.finish = resolve;
    });
    this.signs = setInterval(() => this.giveSign(), FEDERATION_LIMITS.hopSignMs);
    this.signs.unref();
  }

  /** Opens the nodes. A failure of one of them is returned, and the hop may be tried with others. */
  async open(): Promise<HopFailure | null> {
    const opened = await openHops(
      this.hops.map(({ driver }) => driver),
      this.signal,
    );
    if (!opened.ok) {
      clearInterval(this.signs);
      this.chain.close('error');
      return opened.error;
    }
    const { inputIds } = opened.value;
    if (inputIds.length > this.opening.max_positions) {
      this.end('error', problem('prompt-too-long', 'The prompt has more tokens than the hop may have positions.'));
    }
    this.isOpen = true;
    void this.link.send({
      type: 'hop-opened',
      hop_id: this.opening.hop_id,
      ...(inputIds.length === 0 ? {} : { input_ids: [...inputIds] }),
    });
    return null;
  }

  /** Works until the peer closes the hop, the link ends, or something fails. */
  async run(): Promise<HopEnd> {
    const abort = (): void => this.end('cancelled', null);
    if (this.signal.aborted) abort();
    else this.signal.addEventListener('abort', abort, { once: true });
    try {
      return await this.ended;
    } finally {
      this.signal.removeEventListener('abort', abort);
      clearInterval(this.signs);
    }
  }

  take(command: Exclude<HopCommand, Opening>): void {
    this.heardAtMs = performance.now();
    if (command.type === 'hop-close') return this.end(command.reason, null);
    if (!this.isOpen) return this.misbehaved('hop-order', 'Something came for a hop that is not open yet.');
    switch (command.type) {
      case 'hop-begin':
        return this.begin(command);
      case 'hop-route':
        return this.route(command.first_step);
      case 'hop-expect':
        if (this.guesses.size >= FEDERATION_LIMITS.maxHopSteps) return this.overAsked();
        if (!this.hasTokens(command.token_ids)) return this.strayToken();
        this.guesses.set(command.step, command.token_ids);
        return undefined;
      case 'hop-step':
        return this.ids(command);
    }
  }

  /** An activation that was read and holds finite values. */
  takeFrame(header: ActivationFrameHeader, bytes: Uint8Array): void {
    this.heardAtMs = performance.now();
    if (this.isFirst) return this.misbehaved('hop-order', 'An activation came for layers that begin with tokens.');
    const { step, purpose, position, positions } = header;
    const wrong = frameProblem(header, {
      position,
      positions,
      hiddenSize: this.model.manifest.hidden_size,
      dtype: this.opening.activation_dtype,
    });
    if (wrong !== null) return this.misbehaved('hop-shape', `The peer sent ${wrong}.`);
    const draftIds = this.guesses.get(step) ?? [];
    this.step({ kind: 'activation', step, purpose, position, positions, draftIds, remainingTokens: 0, bytes });
  }

  /** Ends the hop because of what its peer did. */
  misbehaved(code: string, message: string): void {
    this.end('error', { code, message, retryable: false, isMisbehaviour: true });
  }

  private begin({ positions, answered }: CommandOf<'hop-begin'>): void {
    const { context_length: context } = this.model.manifest;
    if (positions > Math.min(this.opening.max_positions, context)) return this.overAsked();
    if (answered !== undefined && !this.hasTokens(answered.token_ids)) return this.strayToken();
    this.positions = positions;
    const before = answered === undefined ? null : { inputTokens: answered.input_tokens, tokenIds: answered.token_ids };
    for (const { driver } of this.hops) driver.begin(positions, before);
  }

  private route(firstStep: number): void {
    for (const step of this.underWay.values()) step.abort();
    this.underWay.clear();
    this.guesses.clear();
    const offset = this.isFirst ? 0 : 1;
    const hops = offset + this.hops.length + (this.isLast ? 0 : 1);
    for (const [index, { driver }] of this.hops.entries()) driver.route(offset + index, hops, firstStep);
  }

  private ids({ step, purpose, position, input_ids: inputIds }: CommandOf<'hop-step'>): void {
    if (!this.isFirst) return this.misbehaved('hop-order', 'Token ids came for layers that take activations.');
    if (!this.hasTokens(inputIds)) return this.strayToken();
    const positions = inputIds.length;
    const draftIds = this.guesses.get(step) ?? [];
    this.step({ kind: 'ids', step, purpose, position, positions, draftIds, remainingTokens: 0, inputIds });
  }

  private step(input: StepInput): void {
    const { step, purpose, position, positions, draftIds } = input;
    if (!this.isOpen || this.positions === 0) {
      return this.misbehaved('hop-order', 'A step came before the hop had begun.');
    }
    if (this.latestStep !== null && !isEarlierStep(this.latestStep, step)) {
      return this.misbehaved('hop-replayed', `Step ${step} came again, or after a later one.`);
    }
    if (position > this.reached) {
      return this.misbehaved('hop-shape', `Position ${position} came where ${this.reached} was the next.`);
    }
    if (position + positions > this.positions || draftIds.length >= positions) {
      return this.overAsked();
    }
    // The last node's answer is held against what the step verifies: what fits it must be what the node was told.
    const verified = this.isLast && purpose === 'verify' ? Math.max(1, positions - 1) : 0;
    if (this.isLast && draftIds.length !== verified) {
      return this.misbehaved('hop-shape', `${draftIds.length} guesses came for a step that verifies ${verified}.`);
    }
    if (this.underWay.size >= FEDERATION_LIMITS.maxHopSteps) return this.overAsked();
    const gives = this.isLast && (purpose === 'sample' || purpose === 'verify');
    // Tokens that were on their way when another hop was repaired are drawn again.
    const mostTokens = this.opening.max_new_tokens + FEDERATION_LIMITS.maxHopSteps;
    if (gives && this.done.tokens >= mostTokens) return this.overAsked();
    this.handedIn += positions;
    if (this.handedIn > this.positions * MAX_TIMES_HANDED_IN) return this.overAsked();
    this.latestStep = step;
    this.guesses.delete(step);
    this.reached = position + positions;
    const stop = new AbortController();
    this.underWay.set(step, stop);
    void this.pass(input, AbortSignal.any([stop.signal, this.signal])).then((result) => {
      if (this.hasEnded || this.underWay.get(step) !== stop) return;
      this.underWay.delete(step);
      this.answer(input, result);
    });
  }

  /** A replay fills the last node's cache and goes no further; the nodes before it have to hand it on all the same. */
  private async pass(input: StepInput, signal: AbortSignal): Promise<HopResult<StepOutput>> {
    const last = this.hops.length - 1;
    if (input.purpose !== 'replay' || last === 0) {
      return this.chain.passInput(input, 0, last, () => undefined, signal);
    }
    const entered = await this.chain.passInput({ ...input, purpose: 'fill' }, 0, last - 1, () => undefined, signal);
    if (!entered.ok || entered.value.kind !== 'activation') return entered;
    return this.chain.passInput(
      { ...input, kind: 'activation', bytes: entered.value.bytes },
      last,
      last,
      () => undefined,
      signal,
    );
  }

  private answer(input: StepInput, result: HopResult<StepOutput>): void {
    if (!result.ok) return this.nodeFailed(result.error);
    this.done.positions = Math.max(this.done.positions, input.position + input.positions);
    const { step, purpose } = input;
    const hopId = this.opening.hop_id;
    switch (result.value.kind) {
      case 'activation':
        void this.link.sendFrame(readdressFrame(result.value.bytes, { requestId: hopId, hop: 0, step, purpose }));
        return;
      case 'tokens': {
        const { tokens, finishReason } = result.value;
        this.done.tokens += tokens.length;
        void this.link.send({
          type: 'hop-token',
          hop_id: hopId,
          step,
          position: input.position + input.positions - input.draftIds.length,
          tokens: tokens.map(({ id, text }) => ({ id, text })),
          ...(finishReason === null ? {} : { finish_reason: finishReason }),
        });
        return;
      }
      case 'done':
        void this.link.send({ type: 'hop-progress', hop_id: hopId, step, state: 'done' });
    }
  }

  private nodeFailed(failure: HopFailure): void {
    const hop = this.hops.find(({ planned }) => planned.nodeId === failure.nodeId);
    if (hop !== undefined) this.failed(hop, failure);
    this.end('error', nodeProblem(failure));
  }

  private hasTokens(ids: readonly number[]): boolean {
    return ids.every((id) => id < this.model.manifest.vocab_size);
  }

  private strayToken(): void {
    this.misbehaved('hop-shape', 'A token came that the vocabulary does not have.');
  }

  private overAsked(): void {
    this.misbehaved('hop-over-asked', 'More was asked of a hop than it was opened for.');
  }

  private giveSign(): void {
    const [step] = this.underWay.keys();
    if (step !== undefined) {
      void this.link.send({ type: 'hop-progress', hop_id: this.opening.hop_id, step, state: 'working' });
    } else if (performance.now() - this.heardAtMs > FEDERATION_LIMITS.hopIdleMs) {
      this.end('cancelled', problem('hop-idle', 'Nothing was asked of the hop for long.'));
    }
  }

  private end(finishReason: FinishReason, why: HopProblem | null): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    clearInterval(this.signs);
    this.chain.close(finishReason);
    this.finish({ work: { ...this.done }, problem: why, finishReason });
  }
}

function problem(code: string, message: string): HopProblem {
  return { code, message, retryable: true, isMisbehaviour: false };
}

/** What a peer is told of a node's failure: nothing of the node. */
export function nodeProblem({ code, retryable, isWrongAnswer }: HopFailure): HopProblem {
  const isLost = code === 'node-lost';
  return {
    code: isLost ? 'node-lost' : 'node-failed',
    message: isLost ? 'A node of the hop was lost.' : 'A node of the hop could not go on.',
    retryable: retryable || isWrongAnswer,
    isMisbehaviour: false,
  };
}
