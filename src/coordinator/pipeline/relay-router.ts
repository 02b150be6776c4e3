import type { ActivationFrameHeader } from '../../protocol/wire/activation-frame';
import type { CoordinatorMessage, MessageOf, NodeMessage } from '../../protocol/wire/messages';

/** What a coordinator tells a node about a request. */
export type PipelineCommand = MessageOf<
  CoordinatorMessage,
  'pipeline-open' | 'pipeline-begin' | 'pipeline-route' | 'pipeline-expect' | 'pipeline-step' | 'pipeline-close'
>;

/** A node's connection as a pipeline needs it. Sending resolves when the bytes have left, false when they cannot. */
export interface NodeLink {
  send(message: PipelineCommand): Promise<boolean>;
  sendFrame(bytes: Uint8Array): Promise<boolean>;
}

/** Finds the connection of a node. */
export interface NodeLinks {
  linkTo(nodeId: string): NodeLink | null;
}

/** What a node sends about a request. */
export type RelayEvent =
  | { readonly kind: 'opened'; readonly message: MessageOf<NodeMessage, 'pipeline-opened'> }
  | { readonly kind: 'token'; readonly message: MessageOf<NodeMessage, 'pipeline-token'> }
  | { readonly kind: 'progress'; readonly message: MessageOf<NodeMessage, 'pipeline-progress'> }
  | { readonly kind: 'unlinked'; readonly message: MessageOf<NodeMessage, 'pipeline-unlinked'> }
  | { readonly kind: 'failed'; readonly message: MessageOf<NodeMessage, 'pipeline-failed'> }
  | { readonly kind: 'frame'; readonly header: ActivationFrameHeader; readonly bytes: Uint8Array }
  | { readonly kind: 'lost' };

/** Someone who takes the events of one node within one pipeline. */
export interface RelayListener {
  readonly pipelineId: string;
  readonly nodeId: string;
  take(event: RelayEvent): void;
}

/** Pipelines that ended a moment ago; their last messages may still be on the way and are dropped quietly. */
const MAX_REMEMBERED_PIPELINES = 2_000;

/** What became of an event. */
export type Routed = 'taken' | 'late' | 'foreign';

/** Takes messages of connected nodes to the pipelines they belong to. */
export class RelayRouter {
  private readonly listeners = new Map<string, Map<string, RelayListener>>();
  private readonly ended = new Set<string>();

  add(listener: RelayListener): void {
    const byNode = this.listeners.get(listener.pipelineId) ?? new Map<string, RelayListener>();
    byNode.set(listener.nodeId, listener);
    this.listeners.set(listener.pipelineId, byNode);
  }

  remove(listener: RelayListener): void {
    const byNode = this.listeners.get(listener.pipelineId);
    if (byNode?.get(listener.nodeId) !== listener) return;
    byNode.delete(listener.nodeId);
    this.ended.add(listener.pipelineId);
    if (byNode.size === 0) this.listeners.delete(listener.pipelineId);
    for (const oldest of this.ended) {
      if (this.ended.size <= MAX_REMEMBERED_PIPELINES) break;
      this.ended.delete(oldest);
    }
  }

  /** `foreign`: the node has no part in that pipeline. */
  route(nodeId: string, pipelineId: string, event: RelayEvent): Routed {
    const listener = this.listeners.get(pipelineId)?.get(nodeId);
    if (listener === undefined) return this.ended.has(pipelineId) ? 'late' : 'foreign';
    listener.take(event);
    return 'taken';
  }

  /** Every pipeline the node serves loses it. */
  nodeLost(nodeId: string): void {
    for (const byNode of this.listeners.values()) byNode.get(nodeId)?.take({ kind: 'lost' });
  }
}
