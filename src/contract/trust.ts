import type { AgreementTerms } from '../protocol/trust/agreement';
import type { AgreementStanding } from '../protocol/trust/agreement-standing';
import type { DiscoveryRecord } from '../protocol/trust/discovery';
import type { HandshakePhase, Side, SideProgress } from '../protocol/trust/handshake';
import type { GovernanceMode } from '../protocol/trust/trust-fields';

/** The party this app acts for. */
export interface PartyKeyView {
  readonly nodeId: string;
  readonly publicKey: string;
  readonly keyId: string;
  /** Twelve words to compare the public key by voice. */
  readonly fingerprint: string;
  readonly name: string;
  readonly institution: string | null;
  readonly createdAt: string;
  /** How often the key was replaced. */
  readonly replacements: number;
  /** Key of the coordinator that acts for the party towards other coordinators, and its id; null without one. */
  readonly coordinator: { readonly publicKey: string; readonly keyId: string } | null;
  /** When it was last saved to a backup or shown as words; null: losing this computer loses the key. */
  readonly backedUpAt: string | null;
}

/** The coordinator as the index and relay it is for this party. */
export type TrustConnection =
  | { readonly kind: 'none' }
  | { readonly kind: 'connecting' }
  | { readonly kind: 'connected'; readonly coordinatorId: string; readonly policy: string }
  /** `message` says why, and how to get in where that is the reason. */
  | { readonly kind: 'unreachable'; readonly message: string };

/** Whether a record's signature holds, and by which key. */
export interface RecordView {
  readonly record: DiscoveryRecord;
  readonly keyId: string;
  readonly signature: 'holds' | 'broken';
  readonly isExpired: boolean;
  readonly isOwn: boolean;
}

/** What a record says, as it is edited. */
export interface RecordDraft {
  readonly capabilities: readonly {
    readonly domain: string;
    readonly subdomain: string;
    readonly models: readonly string[];
    readonly description: string;
  }[];
  readonly governanceMode: GovernanceMode;
  /** Null: takes no challenges. */
  readonly quota: { readonly count: number; readonly windowSeconds: number } | null;
  readonly availability: string;
  readonly lifetimeDays: number;
}

/** The own record: what was last signed, and whether it is in the index. */
export interface OwnRecordView {
  readonly record: DiscoveryRecord | null;
  readonly published: boolean;
}

export interface HandshakePartyView {
  readonly nodeId: string;
  readonly name: string;
  readonly institution: string | null;
  readonly keyId: string;
  readonly progress: SideProgress;
}

/** One line of the inbox. */
export interface HandshakeSummary {
  readonly id: string;
  /** The side this app is on. */
  readonly ownSide: Side;
  readonly phase: HandshakePhase;
  readonly own: HandshakePartyView;
  readonly other: HandshakePartyView;
  readonly purpose: string;
  readonly governanceMode: GovernanceMode;
  readonly expiresAt: string;
  readonly updatedAt: string;
  /** Messages of the other side that were not looked at. */
  readonly unread: number;
  /** Whether it is this side's turn to do something. */
  readonly needsAction: boolean;
}

/** A challenge with its answer and what this party keeps to itself about it. */
export interface ChallengeView {
  readonly id: string;
  readonly by: Side;
  readonly domain: string;
  readonly subdomain: string;
  readonly form: 'question' | 'compute';
  readonly prompt: string;
  readonly modelId: string | null;
  readonly maxNewTokens: number | null;
  readonly sentAt: string;
  readonly response: {
    readonly author: 'human' | 'model';
    readonly modelId: string | null;
    readonly text: string;
    readonly sentAt: string;
  } | null;
  /** Own challenges: the verdict marked here, sent with the decision only. */
  readonly verdict: 'accepted' | 'rejected' | null;
  /** Own notes; they never leave this computer. */
  readonly note: string;
}

/** One line of the history. */
export interface HandshakeEvent {
  readonly at: string;
  readonly by: Side;
  readonly kind: string;
  readonly detail: string;
}

export interface HandshakeView extends HandshakeSummary {
  readonly challenges: readonly ChallengeView[];
  readonly note: string;
  readonly history: readonly HandshakeEvent[];
  /** Challenges this side may still send now. */
  readonly challengesLeft: number;
  /** Messages that wait for the connection. */
  readonly unsent: number;
  readonly reasons: readonly { readonly by: Side; readonly text: string }[];
  readonly agreementIds: readonly string[];
}

/** One agreement, signed by all or not yet. */
export interface AgreementView {
  readonly id: string;
  readonly handshakeId: string | null;
  readonly parties: readonly {
    readonly nodeId: string;
    readonly name: string;
    readonly institution: string | null;
    readonly keyId: string;
  }[];
  readonly terms: AgreementTerms;
  readonly governanceMode: GovernanceMode;
  readonly evidenceCount: number;
  /** `offered`: waits for a signature. */
  readonly standing: AgreementStanding | 'offered';
  /** Whose signature is missing; empty when all have signed. */
  readonly missing: readonly string[];
  readonly isOwnSignatureMissing: boolean;
  /** Whether this party is in it; imported agreements of others are for reading. */
  readonly isParty: boolean;
  readonly renews: string | null;
  readonly endsAt: string | null;
  /** Notices by which parties have ended it. */
  readonly ended: readonly { readonly by: string; readonly at: string; readonly reason: string | null }[];
  /** Result of checking every signature just now. */
  readonly verified: boolean;
  readonly problem: string | null;
}

/** Everything the Discovery screen shows beside searches. */
export interface TrustView {
  readonly key: PartyKeyView | null;
  readonly connection: TrustConnection;
  readonly ownRecord: OwnRecordView;
  readonly handshakes: readonly HandshakeSummary[];
  readonly agreements: readonly AgreementView[];
}

/** An answer a model wrote for a person to read, change and send. */
export interface AnswerDraft {
  readonly text: string;
  readonly modelId: string;
  readonly microGft: number;
}
