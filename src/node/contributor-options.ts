import type { HubRequest } from '../inference';
import type { Clock } from './clock';
import type { CoordinatorEvent } from './coordinator-client/coordinator-client';
import type { StartEngine } from './engine-process-spawner';
import type { HardwareReader } from './hardware/hardware-facts';
import type { SecretStore } from './identity/secret-store';
import type { NodeLogger } from './logger';
import type { NodeReadings } from './policy/readings';
import type { RunPreferences } from './policy/policy-inputs';
import type { WorkDevice } from './policy/work-devices';
import type { ChallengeRecord } from '../protocol/compute/node-snapshot';
import type { HeldPrecision, MoveConsentChoice } from '../protocol/compute/run-preferences';

/** The HTTP server through which coordinators without a WebSocket reach this node. */
export interface ActivationServerPreferences {
  /** Run it although the coordinator has a WebSocket. Without `/ws` it always runs, being the only way to serve. */
  readonly enabled: boolean;
  /** Address to listen on. Anything but loopback lets the network send work to this computer. */
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Name or address coordinators shall use, when it differs from `host`. */
  readonly announcedHost: string | null;
}

export const DEFAULT_ACTIVATION_SERVER: ActivationServerPreferences = {
  enabled: false,
  host: '127.0.0.1',
  port: 0,
  announcedHost: null,
};

/**
 * Links of the node's own to its neighbours in pipelines, so that activations need no way over the coordinator. Off unless
 * asked for: the other nodes of a pipeline learn this computer's address, and a port is open to who can reach it. Frames
 * are sealed, and only the neighbour the coordinator names can deliver any.
 */
export interface DirectLinkPreferences {
  /** Address to listen on; 0.0.0.0 for all. */
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Name or address other nodes shall use, when it differs from `host`. */
  readonly announcedHost: string | null;
}

/**
 * Reading by other nodes of the layers this one holds, so that they need not come from the coordinator or a hub. Off unless
 * asked for: everybody who may see the coordinator's list of shards learns this computer's address, and a port is open.
 */
export interface LayerSharingPreferences {
  /** Address to listen on; 0.0.0.0 for all. */
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Name or address other nodes shall use, when it differs from `host`. */
  readonly announcedHost: string | null;
  /** Of all readers together. */
  readonly bytesPerSecond: number;
}

/** The hub models are fetched from. */
export type HubPreferences = Pick<HubRequest, 'endpoint' | 'accessToken' | 'redirectHosts'>;

/** Everything the person decides about the node. */
export interface NodePreferences extends RunPreferences {
  readonly coordinatorUrl: string;
  readonly accessToken: string | null;
  /** Invitation code, sent with every connection until the coordinator knows this node's key as a member. */
  readonly invitation?: string | null;
  /** Folder of the model to serve; null: the one `modelId` names. */
  readonly modelFolder: string | null;
  /**
   * A model of the coordinator's list, whose layers are fetched, or `hub:OWNER/NAME[@REVISION][#FILE.gguf]`; null with no
   * folder serves nothing.
   */
  readonly modelId: string | null;
  /** How weights are held; left out or null: as the coordinator suggests, which is as most nodes hold them. */
  readonly precision?: HeldPrecision | null;
  /** The execution provider to run on and no other; left out or null: the fastest, as measured here. */
  readonly provider?: string | null;
  /**
   * The devices that hold the layers together and no other, each filled before the next; left out or null: the detected
   * cards, fastest first. Excludes `provider`.
   */
  readonly devices?: readonly WorkDevice[] | null;
  /** Where models of a hub are fetched; left out: huggingface.co, without a token. */
  readonly hub?: HubPreferences | undefined;
  readonly activationServer: ActivationServerPreferences;
  /** Whether the coordinator may have other layers held here than it first suggested; left out: never. */
  readonly moveConsent?: MoveConsentChoice;
  /** Null or left out: activations go over the coordinator alone. */
  readonly directLinks?: DirectLinkPreferences | null;
  /** Null or left out: nobody reads layers here. */
  readonly layerSharing?: LayerSharingPreferences | null;
}

export interface ContributorOptions {
  /** Folder of the node's own files: cached shards, figures, node ids. */
  readonly dataFolder: string;
  readonly appVersion: string;
  readonly secretStore: SecretStore;
  readonly startEngine: StartEngine;
  readonly hardwareReader: HardwareReader;
  readonly preferences: NodePreferences;
  readonly readings?: Partial<NodeReadings>;
  readonly clock?: Clock;
  readonly logger?: NodeLogger;
}

/** What the node tells beside its snapshots. */
export interface ContributorEvents {
  readonly balance: Omit<Extract<CoordinatorEvent, { kind: 'balance' }>, 'kind'>;
  readonly challenge: ChallengeRecord;
  readonly coverage: Omit<Extract<CoordinatorEvent, { kind: 'coverage' }>, 'kind'>;
  /** Something worth telling a person, in one sentence. */
  readonly notice: { readonly text: string; readonly from: 'node' | 'coordinator' };
}
