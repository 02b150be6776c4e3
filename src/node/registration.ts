import type { NodeRegistration } from '../protocol/compute/http/nodes';
import { success, type Result } from '../protocol/result';
import { CoordinatorRecords, type CoordinatorRecord } from './coordinator-records';
import type { CoordinatorConnection } from './coordinator-client/coordinator-client';
import { parseCoordinatorUrl } from './coordinator-client/coordinator-url';
import type { NodeRecord } from './coordinator-client/reading';
import type { NodeLogger } from './logger';
import type { NodeView } from './node-view';
import type { PreparedNode } from './preparation';

/** Version of tore-0001 this node speaks, as registrations name it. */
const PROTOCOL_VERSION = '0.1';
/** Share of a GPU a coordinator may plan with; the profile's default. */
const MAX_GPU_UTILIZATION = 0.8;

/** Introduces the node to a coordinator and remembers under which id it is known there. */
export class Registration {
  private readonly records: CoordinatorRecords;

  constructor(
    dataFolder: string,
    private readonly view: NodeView,
    private readonly logger: NodeLogger,
  ) {
    this.records = new CoordinatorRecords(dataFolder);
  }

  /** What is remembered of a coordinator under the node's present key. */
  find(baseUrl: string, prepared: PreparedNode): Promise<Result<CoordinatorRecord | null>> {
    return this.records.find(baseUrl, prepared.identity.publicKey);
  }

  /** Whether this node was registered at an address before, under its present key. */
  async isKnown(coordinatorUrl: string, prepared: PreparedNode): Promise<boolean> {
    const url = parseCoordinatorUrl(coordinatorUrl);
    const record = url.ok ? await this.find(url.value.base, prepared) : url;
    return record.ok && record.value !== null;
  }

  /** Registers where the coordinator does not know the key yet, and reports other hardware than it was told. */
  async register(
    connection: CoordinatorConnection,
    prepared: PreparedNode,
    record: CoordinatorRecord | null,
  ): Promise<Result<NodeRecord>> {
    const { publicKey } = prepared.identity;
    const { baseUrl } = connection.info;
    const profile = prepared.hardware.profileFor(new URL(baseUrl).hostname);
    const registration: NodeRegistration = {
      public_key: publicKey,
      hardware_profile: profile,
      max_gpu_utilization: MAX_GPU_UTILIZATION,
      protocol_version: PROTOCOL_VERSION,
    };
    const registered = connection.knownNode === null ? await connection.registerNode(registration) : null;
    if (registered !== null && !registered.ok) return registered;
    const node = registered?.value ?? connection.knownNode;
    if (node === null) return { ok: false, error: { code: 'answer-invalid', message: 'No node id.', retryable: true } };
    let { fingerprint } = profile;
    if (record !== null && record.nodeId === node.nodeId && record.fingerprint !== fingerprint) {
      const updated = await connection.updateHardware(registration);
      if (!updated.ok) {
        this.logger.warn('The new hardware was not accepted', { reason: updated.error.message });
        // Reported again next time.
        ({ fingerprint } = record);
      }
    }
    this.view.set({
      nodeId: node.nodeId,
      hardwareClass: node.hardwareClass,
      multiplier: node.multiplier,
      reliability: node.reliability,
      balanceMicroGft: node.balanceMicroGft,
    });
    const saved = await this.records.save({
      baseUrl,
      publicKey,
      nodeId: node.nodeId,
      fingerprint,
    });
    // Serving goes on: only a later start with a coordinator of the baseline would miss the id.
    if (!saved.ok) this.logger.warn('The node id was not kept', { reason: saved.error.message });
    return success(node);
  }
}
