import { success } from '../../protocol/result';
import { timestampOf, type Clock, type Random } from '../clock';
import type { CoordinatorConfig } from '../config';
import { refuse, type CoordinatorResult } from '../errors';
import type { EventDraft } from '../hub/event-log';
import type { ModelCatalogue } from '../models/model-catalogue';
import type { MoveClaims } from './move-claims';
import type { PlacementMove } from './placement';
import type { Scheduler } from './scheduler';
import type { ShardRegistry } from './shard-registry';

/** A person may have to be asked; after it the proposal is void. */
const ANSWER_MS = 10 * 60_000;
/** Time to cut, fetch and load the layers; until it is over nobody else of the model is asked to move. */
const MOVE_MS = 30 * 60_000;
/** A node that was asked is left in peace this long. */
const ASK_AGAIN_MS = 24 * 3_600_000;
/** Nodes looked at for one model in one round; others have their turn in the next ones. */
const MAX_CANDIDATES = 32;

export interface MoveParts {
  readonly catalogue: Pick<ModelCatalogue, 'all'>;
  readonly registry: Pick<ShardRegistry, 'shardsOfModel' | 'shardsOfNode'>;
  readonly scheduler: Pick<Scheduler, 'moveOf'>;
  /** The nodes connected to this process. */
  readonly connectedNodes: () => readonly string[];
  /** False when the node is gone. */
  readonly tell: (nodeId: string, draft: EventDraft) => boolean;
}

interface OpenMove {
  readonly proposalId: string;
  readonly nodeId: string;
  readonly move: PlacementMove;
  isAgreed: boolean;
  untilMs: number;
}

/**
 * Asks nodes whether they would hold other layers, where that helps clearly more. Nothing is moved against the wish of
 * whoever runs a node, and of one model one node moves at a time: two at once could leave a gap that neither would alone.
 */
export class MoveDesk {
  private readonly openByModel = new Map<string, OpenMove>();
  /** By node and model. */
  private readonly askAgainMs = new Map<string, number>();
  private lookedAtMs: number;

  constructor(
    private readonly parts: MoveParts,
    private readonly claims: MoveClaims,
    private readonly config: Pick<CoordinatorConfig, 'moveEverySeconds'>,
    private readonly clock: Clock,
    private readonly random: Random,
  ) {
    this.lookedAtMs = clock.nowMs();
  }

  /** Looks at every model when its time has come. */
  async tick(nowMs: number): Promise<void> {
    const { moveEverySeconds } = this.config;
    if (moveEverySeconds === 0 || nowMs - this.lookedAtMs < moveEverySeconds * 1_000) return;
    this.lookedAtMs = nowMs;
    for (const [key, againMs] of this.askAgainMs) if (againMs <= nowMs) this.askAgainMs.delete(key);
    const here = new Set(this.parts.connectedNodes());
    for (const modelId of new Set(this.parts.catalogue.all().map((model) => model.manifest.model_id))) {
      if (!(await this.isMoving(modelId, nowMs))) await this.propose(modelId, here, nowMs);
    }
  }

  /**
   * A node's answer. One that agrees is told whether the move is still good, for much may have changed since it was asked.
   * Fails with `move-outdated`.
   */
  async answer(
    nodeId: string,
    proposalId: string,
    accepted: boolean,
  ): Promise<CoordinatorResult<{ readonly status: 'agreed' | 'declined' }>> {
    const nowMs = this.clock.nowMs();
    const found = [...this.openByModel].find(([, open]) => open.proposalId === proposalId && open.nodeId === nodeId);
    const outdated = refuse('move-outdated', 'This move is no longer wanted; stay with the layers you hold.');
    if (found === undefined) return outdated;
    const [modelId, open] = found;
    if (open.isAgreed) return accepted ? success({ status: 'agreed' }) : outdated;
    if (!accepted) {
      await this.end(modelId, proposalId);
      return success({ status: 'declined' });
    }
    const move = open.untilMs <= nowMs ? null : await this.parts.scheduler.moveOf(modelId, nodeId);
    const { layer_start: start, layer_end: end } = open.move.range;
    if (move === null || move.range.layer_start !== start || move.range.layer_end !== end) {
      await this.end(modelId, proposalId);
      return outdated;
    }
    open.isAgreed = true;
    open.untilMs = nowMs + MOVE_MS;
    await this.claims.extend(proposalId, open.untilMs);
    return success({ status: 'agreed' });
  }

  /** Whether somebody of the model was asked and may still move, or is moving. */
  private async isMoving(modelId: string, nowMs: number): Promise<boolean> {
    const open = this.openByModel.get(modelId);
    if (open === undefined) return false;
    const { range } = open.move;
    const hasArrived = this.parts.registry
      .shardsOfNode(open.nodeId)
      .some(
        (shard) =>
          shard.modelId === modelId && shard.layerStart === range.layer_start && shard.layerEnd === range.layer_end,
      );
    if (open.untilMs > nowMs && !hasArrived) return true;
    await this.end(modelId, open.proposalId);
    return false;
  }

  private async end(modelId: string, proposalId: string): Promise<void> {
    this.openByModel.delete(modelId);
    await this.claims.release(proposalId);
  }

  private async propose(modelId: string, here: ReadonlySet<string>, nowMs: number): Promise<void> {
    const candidates = this.parts.registry
      .shardsOfModel(modelId)
      .map((shard) => shard.nodeId)
      .filter((nodeId) => here.has(nodeId) && !this.askAgainMs.has(`${nodeId} ${modelId}`));
    const from = candidates.length === 0 ? 0 : Buffer.from(this.random.bytes(4)).readUInt32LE() % candidates.length;
    let best: { readonly nodeId: string; readonly move: PlacementMove } | null = null;
    for (const nodeId of [...candidates.slice(from), ...candidates.slice(0, from)].slice(0, MAX_CANDIDATES)) {
      const move = await this.parts.scheduler.moveOf(modelId, nodeId);
      if (move !== null && (best === null || move.gain > best.move.gain)) best = { nodeId, move };
    }
    if (best === null) return;
    const { nodeId, move } = best;
    const proposalId = this.random.uuid();
    const untilMs = nowMs + ANSWER_MS;
    // Another replica may have asked one of its nodes.
    if (!(await this.claims.take(modelId, proposalId, untilMs))) return;
    const isTold = this.parts.tell(nodeId, {
      type: 'move-proposed',
      proposal_id: proposalId,
      model_id: modelId,
      ...move.range,
      gain: Number.isFinite(move.gain) ? move.gain : null,
      expires_at: timestampOf(untilMs),
    });
    if (!isTold) return this.claims.release(proposalId);
    this.askAgainMs.set(`${nodeId} ${modelId}`, nowMs + ASK_AGAIN_MS);
    this.openByModel.set(modelId, { proposalId, nodeId, move, isAgreed: false, untilMs });
  }
}
