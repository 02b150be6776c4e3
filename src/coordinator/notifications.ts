import type { TaskView } from '../protocol/compute/http/tasks';
import type { MicroGft } from '../protocol/compute/micro-gft';

/** A balance that changed, and the entry behind it. */
export interface BalanceChange {
  readonly balanceMicroGft: MicroGft;
  readonly amountMicroGft: MicroGft;
  readonly eventType: string;
  readonly ledgerRef: string;
}

/** A node's standing that changed. */
export interface StandingChange {
  readonly status: string;
  readonly reliability: number;
  readonly message: string;
  readonly taskId?: string;
  readonly passed?: boolean;
}

/** News for connected nodes; a node without a connection asks over HTTP. */
export interface NodeNotifications {
  /** False when the node has neither a connection nor one that may be resumed. */
  task(nodeId: string, task: TaskView): boolean;
  balance(nodeId: string, change: BalanceChange): void;
  standing(nodeId: string, change: StandingChange): void;
  /** A sentence for whoever runs the node. */
  notice(nodeId: string, text: string): void;
  /** Something that can change a model's coverage happened. */
  coverageMayHaveChanged(): void;
}
