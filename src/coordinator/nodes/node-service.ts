import type {
  HardwareUpdateAnswer,
  NodeHeartbeatAnswer,
  NodeRegistration,
  NodeRemovalAnswer,
  NodeView,
  UnsuspendAnswer,
} from '../../protocol/compute/http/nodes';
import { success } from '../../protocol/result';
import { timestampOf, type Clock, type Random } from '../clock';
import type { CoordinatorConfig } from '../config';
import { refuse, type CoordinatorResult } from '../errors';
import { tokenExpiry, type LedgerStore, type WrittenEntry } from '../ledger/ledger-store';
import type { NodeNotifications } from '../notifications';
import type { Database } from '../storage/database-schema';
import { judgeHardware } from './hardware-change';
import { classOf, type NodeRow } from './node-standing';
import { normalizePublicKey, registrationColumns, type NodeStore } from './node-store';

/** The failure for an id nobody has. */
export function unknownNode(nodeId: string): ReturnType<typeof refuse> {
  return refuse('node-unknown', `No node with the id ${nodeId} is registered here.`, {
    suggestion: 'Register the node first.',
  });
}

/** Registration, heartbeat, hardware changes and standing of nodes. */
export class NodeService {
  constructor(
    private readonly database: Database,
    private readonly nodes: NodeStore,
    private readonly ledger: LedgerStore,
    private readonly notifications: NodeNotifications,
    private readonly config: CoordinatorConfig,
    private readonly clock: Clock,
    private readonly random: Random,
  ) {}

  /** Registers a key. A deregistered one takes its old id, balance and history up again. Fails with `node-known`. */
  async register(registration: NodeRegistration): Promise<CoordinatorResult<NodeView>> {
    const publicKey = normalizePublicKey(registration.public_key);
    const known = await this.nodes.findByKey(publicKey);
    if (known !== undefined && known.status !== 'deregistered') {
      return refuse('node-known', `This public key is already registered as node ${known.id}.`);
    }
    const id = known === undefined ? await this.insert(publicKey, registration) : known.id;
    if (known !== undefined) await this.reactivate(known, registration);
    const row = await this.nodes.find(id);
    return row === undefined ? unknownNode(id) : success(await this.nodes.view(row));
  }

  async heartbeat(nodeId: string): Promise<CoordinatorResult<NodeHeartbeatAnswer>> {
    const row = await this.nodes.find(nodeId);
    if (row === undefined || row.status === 'deregistered') return unknownNode(nodeId);
    return success({ status: row.status, last_seen: await this.nodes.touch(nodeId) });
  }

  async remove(nodeId: string): Promise<CoordinatorResult<NodeRemovalAnswer>> {
    const row = await this.nodes.find(nodeId);
    if (row === undefined) return unknownNode(nodeId);
    await this.database.updateTable('nodes').set({ status: 'deregistered' }).where('id', '=', nodeId).execute();
    this.nodes.changed(nodeId);
    return success({ status: 'deregistered', node_id: nodeId });
  }

  /** New measurements. A higher multiplier waits out a quarantine; the third change of hardware holds the node for review. */
  async updateHardware(
    nodeId: string,
    registration: NodeRegistration,
  ): Promise<CoordinatorResult<HardwareUpdateAnswer>> {
    const row = await this.nodes.find(nodeId);
    if (row === undefined || row.status === 'deregistered') return unknownNode(nodeId);
    if (normalizePublicKey(registration.public_key) !== row.public_key) {
      return refuse('key-mismatch', 'The public key does not belong to this node.');
    }
    const { columns, quarantine, isForReview } = judgeHardware(row, registration.hardware_profile, this.clock.nowMs());
    await this.database
      .updateTable('nodes')
      .set({ ...registrationColumns(registration), ...columns })
      .where('id', '=', nodeId)
      .execute();
    this.nodes.changed(nodeId);
    if (isForReview) {
      this.notifications.standing(nodeId, {
        status: 'suspended',
        reliability: row.reliability,
        message: `The hardware changed ${columns.hardware_changes} times; the operator of the coordinator has to look at it.`,
      });
      this.notifications.coverageMayHaveChanged();
    }
    return success({
      node_id: nodeId,
      new_multiplier: quarantine.new_multiplier,
      quarantine,
      status: isForReview ? 'suspended' : row.status,
    });
  }

  /** Lets a node back in that failed too often. Fails with `not-suspended`, or `review-pending` where a person decides. */
  async unsuspend(nodeId: string): Promise<CoordinatorResult<UnsuspendAnswer>> {
    const row = await this.nodes.find(nodeId);
    if (row === undefined || row.status === 'deregistered') return unknownNode(nodeId);
    if (row.status !== 'suspended') return refuse('not-suspended', `The node is ${row.status}, not suspended.`);
    if (row.suspension === 'review') {
      const reason = row.suspension_reason ?? 'repeated changes of its hardware';
      return refuse('review-pending', `The node is held for review: ${reason}.`, {
        suggestion: 'Ask the operator of the coordinator to release it.',
      });
    }
    await this.release(nodeId);
    const message = 'The node is active again. Its earlier results still count towards its reliability.';
    this.notifications.standing(nodeId, { status: 'active', reliability: row.reliability, message });
    this.notifications.coverageMayHaveChanged();
    return success({ status: 'active', reliability: row.reliability, message });
  }

  /** The operator's decision after a review; also lifts any other suspension. */
  async releaseByOperator(nodeId: string): Promise<CoordinatorResult<NodeView>> {
    const row = await this.nodes.find(nodeId);
    if (row === undefined) return unknownNode(nodeId);
    if (row.status !== 'suspended') return refuse('not-suspended', `The node is ${row.status}, not suspended.`);
    await this.release(nodeId, { hardware_changes: 0 });
    const released = await this.nodes.find(nodeId);
    return released === undefined ? unknownNode(nodeId) : success(await this.nodes.view(released));
  }

  /** The operator's decision to hold a node; it gets no work until released. Fails with `node-unknown`. */
  async suspendByOperator(nodeId: string, reason: string): Promise<CoordinatorResult<NodeView>> {
    const row = await this.nodes.find(nodeId);
    if (row === undefined || row.status === 'deregistered') return unknownNode(nodeId);
    await this.database
      .updateTable('nodes')
      .set({ status: 'suspended', suspension: 'review', suspension_reason: reason })
      .where('id', '=', nodeId)
      .execute();
    this.nodes.changed(nodeId);
    const message = `An administrator of the coordinator holds this node: ${reason}`;
    this.notifications.standing(nodeId, { status: 'suspended', reliability: row.reliability, message });
    this.notifications.coverageMayHaveChanged();
    const held = await this.nodes.find(nodeId);
    return held === undefined ? unknownNode(nodeId) : success(await this.nodes.view(held));
  }

  private async release(nodeId: string, more: { hardware_changes?: number } = {}): Promise<void> {
    await this.database.transaction().execute(async (transaction) => {
      const last = await transaction
        .selectFrom('tasks')
        .select((build) => build.fn.max('verdict_order').as('order'))
        .executeTakeFirst();
      await transaction
        .updateTable('nodes')
        .set({ status: 'active', suspension: null, suspension_reason: null, forgiven_until: last?.order ?? 0, ...more })
        .where('id', '=', nodeId)
        .execute();
    });
    this.nodes.changed(nodeId);
  }

  private async insert(publicKey: string, registration: NodeRegistration): Promise<string> {
    const id = this.random.uuid();
    const now = timestampOf(this.clock.nowMs());
    const { hardwareClass, multiplier } = classOf(registration.hardware_profile);
    const written = await this.database.transaction().execute(async (transaction): Promise<WrittenEntry[]> => {
      await transaction
        .insertInto('nodes')
        .values({
          ...registrationColumns(registration),
          id,
          public_key: publicKey,
          hardware_class: hardwareClass,
          multiplier,
          pending_multiplier: null,
          pending_class: null,
          quarantine_until: null,
          hardware_changes: 0,
          status: 'active',
          suspension: null,
          suspension_reason: null,
          reliability: 1,
          forgiven_until: 0,
          region: null,
          registered_at: now,
          last_seen: now,
        })
        .execute();
      if (!this.config.tokenEconomy || this.config.openingGrantMicroGft === 0) return [];
      // One machine gets one grant, however many keys it registers.
      const isKnownMachine = await transaction
        .selectFrom('nodes')
        .select('id')
        .where('fingerprint', '=', registration.hardware_profile.fingerprint)
        .where('id', '!=', id)
        .executeTakeFirst();
      if (isKnownMachine !== undefined) return [];
      return this.ledger.append(transaction, [
        {
          eventType: 'purchase',
          nodeId: id,
          amountMicroGft: this.config.openingGrantMicroGft,
          reason: this.config.openingGrantReason,
          expiresAt: tokenExpiry(this.clock.nowMs()),
        },
      ]);
    });
    for (const entry of written) {
      this.notifications.balance(id, {
        balanceMicroGft: entry.balanceMicroGft,
        amountMicroGft: entry.amountMicroGft,
        eventType: entry.entry.event_type,
        ledgerRef: entry.entry.id,
      });
    }
    return id;
  }

  /**
   * Back with its history: a suspension that was pending when it left is pending again, and its hardware is judged by
   * what it had then.
   */
  private async reactivate(row: NodeRow, registration: NodeRegistration): Promise<void> {
    const { columns } = judgeHardware(row, registration.hardware_profile, this.clock.nowMs());
    await this.database
      .updateTable('nodes')
      .set({
        ...registrationColumns(registration),
        status: row.suspension === null ? 'active' : 'suspended',
        last_seen: timestampOf(this.clock.nowMs()),
        ...columns,
      })
      .where('id', '=', row.id)
      .execute();
    this.nodes.changed(row.id);
  }
}
