import { success } from '../../protocol/result';
import type { AccessService } from '../access/access-service';
import type { ChallengeService } from '../challenges/challenge-service';
import { refuse, type CoordinatorResult } from '../errors';
import type { AnswerDesk } from '../pipeline/answer-desk';
import type { GenerateListener } from '../pipeline/generate-service';
import type { NodeService } from '../nodes/node-service';
import { normalizePublicKey, type NodeStore } from '../nodes/node-store';
import type { MoveDesk } from '../scheduling/move-desk';
import type { ShardRegistry } from '../scheduling/shard-registry';
import type { ShardService } from '../scheduling/shard-service';
import type { NodeCall } from './node-connection';

/** Who calls, and how the coordinator gets back to it. */
export interface Caller {
  readonly publicKey: string;
  /** Null until the key is registered. */
  nodeId: string | null;
  /** Aborted when the connection is gone. */
  readonly signal: AbortSignal;
  readonly generateListener: (requestId: string) => GenerateListener;
  /** A shard was registered over this connection. */
  shardRegistered(): void;
}

/** Calls that may take minutes and therefore do not hold up the ones behind them. */
export function isLongCall(call: NodeCall): boolean {
  return call.type === 'generate';
}

/** Answers the calls of connected nodes. */
export class NodeCalls {
  constructor(
    private readonly access: AccessService,
    private readonly nodeService: NodeService,
    private readonly nodes: NodeStore,
    private readonly shards: ShardService,
    private readonly registry: ShardRegistry,
    private readonly challenges: ChallengeService,
    private readonly desk: AnswerDesk,
    private readonly moves: MoveDesk,
  ) {}

  async answer(caller: Caller, call: NodeCall): Promise<CoordinatorResult<unknown>> {
    const allowed = await this.mayCall(caller, call);
    if (!allowed.ok) return allowed;
    if (call.type === 'register-node') return this.registerNode(caller, call);
    const { nodeId } = caller;
    if (nodeId === null) {
      return refuse('not-registered', 'This key is not registered here yet.', {
        suggestion: 'Register the node first.',
      });
    }
    switch (call.type) {
      case 'update-hardware':
        return this.nodeService.updateHardware(nodeId, call.registration);
      case 'register-shard':
        return this.registerShard(caller, nodeId, call);
      case 'remove-shard':
        return success({
          status: 'deregistered',
          node_id: nodeId,
          shards_removed: this.shards.remove(nodeId, call.model_id).length,
        });
      case 'heartbeat':
        return this.heartbeat(nodeId);
      case 'task-result':
        return call.result.node_id === nodeId
          ? this.challenges.answer(call.result)
          : refuse('task-foreign', 'The result names another node.');
      case 'answer-move':
        return this.moves.answer(nodeId, call.proposal_id, call.accepted);
      case 'generate':
        return this.generate(caller, nodeId, call);
      case 'cancel-generate':
        return (await this.desk.cancel(nodeId, call.request_id))
          ? success({ cancelled: true })
          : refuse('request-unknown', 'No request with this id is running.');
    }
  }

  /** A request outlives the connection it came over: the same call over the next one takes the rest of its answer. */
  private async generate(
    caller: Caller,
    nodeId: string,
    call: Extract<NodeCall, { type: 'generate' }>,
  ): Promise<CoordinatorResult<unknown>> {
    const answered = await this.desk.answer(
      {
        nodeId,
        requestId: call.request_id,
        modelId: call.model_id,
        prompt: call.prompt,
        messages: call.messages,
        maxNewTokens: call.max_new_tokens,
        sampling: call.sampling,
        precision: 'fp32',
        backend: call.force_backend,
        sessionId: call.session_id,
        participantId: call.participant_id,
      },
      { listener: caller.generateListener(call.request_id), signal: caller.signal, from: call.resume_from ?? 0 },
      call.resume_from !== undefined,
    );
    return answered ?? refuse('cancelled', 'The answer is taken over another connection.');
  }

  /** Roles can change while a connection lasts, so what costs or binds something is checked at every call. */
  private async mayCall(caller: Caller, call: NodeCall): Promise<CoordinatorResult<void>> {
    switch (call.type) {
      case 'register-shard':
      case 'update-hardware':
        return this.access.admit(await this.access.principalOf(caller.publicKey), { who: 'node' });
      // Whoever asks needs a node id to be charged under, so a member who only asks registers as well.
      case 'register-node':
        return this.access.admit(await this.access.principalOf(caller.publicKey), { who: 'member' });
      case 'generate':
        return this.access.admit(await this.access.principalOf(caller.publicKey), { who: 'user' });
      case 'heartbeat':
      case 'remove-shard':
      case 'task-result':
      case 'answer-move':
      case 'cancel-generate':
        return success(undefined);
    }
  }

  /** The key was proved, so registering it again simply answers with what is known. */
  private async registerNode(
    caller: Caller,
    call: Extract<NodeCall, { type: 'register-node' }>,
  ): Promise<CoordinatorResult<unknown>> {
    if (normalizePublicKey(call.registration.public_key) !== caller.publicKey) {
      return refuse('key-mismatch', 'The registration names another key than the one that was proved.');
    }
    const known = await this.nodes.findByKey(caller.publicKey);
    if (known !== undefined && known.status !== 'deregistered') {
      caller.nodeId = known.id;
      return success(await this.nodes.view(known));
    }
    const registered = await this.nodeService.register(call.registration);
    if (registered.ok) caller.nodeId = registered.value.id;
    return registered;
  }

  private async registerShard(
    caller: Caller,
    nodeId: string,
    call: Extract<NodeCall, { type: 'register-shard' }>,
  ): Promise<CoordinatorResult<unknown>> {
    if (call.shard.node_id !== nodeId) return refuse('key-mismatch', 'The shard names another node.');
    const registered = await this.shards.register(call.shard, {
      channel: 'ws',
      manifestHash: call.manifest_hash,
      manifest: call.manifest,
    });
    if (registered.ok) caller.shardRegistered();
    return registered;
  }

  private async heartbeat(nodeId: string): Promise<CoordinatorResult<unknown>> {
    const node = await this.nodeService.heartbeat(nodeId);
    if (!node.ok) return node;
    return success({ ...node.value, node_id: nodeId, shards: this.registry.heartbeat(nodeId) });
  }
}
