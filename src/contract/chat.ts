import type { ContextSnapshot, Handoff } from '../protocol/conversation/conversation';
import type { BranchPlace, PartView } from '../protocol/conversation/reading';
import type { Failure } from '../protocol/result';

/** Which node answered, for which layers. */
export interface AnswerHop {
  readonly nodeId: string;
  readonly layerStart: number;
  readonly layerEnd: number;
  readonly transport: string;
  /** Whether that node is this computer. */
  readonly isThisComputer: boolean;
}

/** What an answer took; the cost is present only once the ledger has confirmed it. */
export interface AnswerFacts {
  readonly modelId: string;
  readonly hops: readonly AnswerHop[];
  /** A server outside the cooperative answered, not its nodes. */
  readonly isFallback?: boolean;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly tokensPerSecond: number | null;
  readonly durationMs: number | null;
  readonly settledCost: { readonly microGft: number; readonly ledgerRef: string; readonly confirmedAt: string } | null;
  /** Present when another coordinator answered, under an agreement. */
  readonly servedBy?: ServingCoordinator;
}

/** Who answered instead of the own nodes, and what it came to between the two coordinators. */
export interface ServingCoordinator {
  readonly name: string;
  readonly amount: number;
  readonly unit: string;
  /** Where it is booked there; null when nothing was produced. */
  readonly peerRef: string | null;
}

/** State of one answer; text that arrived is kept in every state. */
export type AnswerState =
  | {
      readonly kind: 'waiting';
      /** Place in the coordinator's line, 1 is next; absent when there is none, or it is its turn. */
      readonly position?: number;
    }
  | {
      readonly kind: 'streaming';
      /** The answer pauses: nobody serves these layers now. It goes on by itself, or fails after so many seconds. */
      readonly paused?: { readonly layersMissing: readonly number[]; readonly seconds: number };
    }
  | { readonly kind: 'finished'; readonly reason: 'stop' | 'length' }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'failed'; readonly error: Failure };

interface ChatEntryFields {
  readonly id: string;
  readonly text: string;
  /** What there is beside text (images, tools, code of other programs), in order; null where text is all. */
  readonly parts: readonly PartView[] | null;
  readonly createdAt: string;
  /** Which of the messages under one parent it is. */
  readonly branch: BranchPlace;
}

export type ChatEntry =
  | (ChatEntryFields & { readonly role: 'user' })
  | (ChatEntryFields & {
      readonly role: 'assistant';
      readonly state: AnswerState;
      readonly facts: AnswerFacts | null;
    });

export interface ConversationSummary {
  readonly id: string;
  readonly title: string;
  readonly updatedAt: string;
}

export interface ConversationView extends ConversationSummary {
  readonly entries: readonly ChatEntry[];
  /** Why the conversation came here from elsewhere, and what stands in for its early history. */
  readonly handoff: Handoff | null;
  readonly contextSnapshot: ContextSnapshot | null;
}

/** Text that arrived for an answer, in order; a renderer that missed one asks for the conversation again. */
export interface ChatDelta {
  readonly conversationId: string;
  readonly entryId: string;
  /** Length of the answer's text before this delta, so that a gap is noticed. */
  readonly offset: number;
  readonly text: string;
}

export interface CostEstimate {
  /** `provider`: a model of one's own, which is paid, if at all, elsewhere. */
  readonly payer: 'network' | 'provider';
  readonly modelId: string;
  readonly inputTokensAtMost: number;
  readonly maxNewTokens: number;
  /** Null where the coordinator keeps no token accounts. */
  readonly estimatedMicroGft: number | null;
  readonly balanceMicroGft: number | null;
  /** The price of the fallback server, which was chosen. */
  readonly isFallback?: boolean;
}
