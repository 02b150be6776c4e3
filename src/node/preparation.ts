import { success, type Result } from '../protocol/result';
import type { Clock } from './clock';
import type { ContributorOptions } from './contributor-options';
import { readHardwareFacts, readMachineId } from './hardware/hardware-facts';
import { measureHardware, type MeasuredHardware } from './hardware/measure-hardware';
import { openIdentity, type NodeIdentity } from './identity/node-identity';
import type { NodeLogger } from './logger';
import type { NodeView } from './node-view';
import type { ShardKeeper } from './shard/shard-keeper';

/** What a node needs before it can introduce itself. */
export interface PreparedNode {
  readonly identity: NodeIdentity;
  readonly hardware: MeasuredHardware;
}

/** Opens the key and measures the machine, once per run of the program. */
export class NodePreparation {
  private prepared: PreparedNode | null = null;

  constructor(
    private readonly options: ContributorOptions,
    private readonly keeper: ShardKeeper,
    private readonly view: NodeView,
    private readonly clock: Clock,
    private readonly logger: NodeLogger,
  ) {}

  async prepare(signal: AbortSignal): Promise<Result<PreparedNode>> {
    if (this.prepared !== null) return success(this.prepared);
    this.view.apply({ type: 'preparing', step: 'identity', fraction: 0 });
    const identity = await openIdentity(this.options.secretStore);
    if (!identity.ok) return identity;
    this.view.set({ publicKey: identity.value.publicKey });
    this.view.apply({ type: 'preparing', step: 'hardware', fraction: 0 });
    const hardware = await this.measure(identity.value, false, signal, (fraction) =>
      this.view.apply({ type: 'preparing', step: 'benchmark', fraction }),
    );
    if (!hardware.ok) return hardware;
    this.prepared = { identity: identity.value, hardware: hardware.value };
    return success(this.prepared);
  }

  /** Measures again, whatever was kept. */
  async measureAgain(signal: AbortSignal | undefined): Promise<Result<MeasuredHardware>> {
    const identity = await openIdentity(this.options.secretStore);
    if (!identity.ok) return identity;
    const hardware = await this.measure(identity.value, true, signal, () => undefined);
    if (hardware.ok && this.prepared !== null) this.prepared = { ...this.prepared, hardware: hardware.value };
    return hardware;
  }

  private async measure(
    identity: NodeIdentity,
    again: boolean,
    signal: AbortSignal | undefined,
    onProgress: (fraction: number) => void,
  ): Promise<Result<MeasuredHardware>> {
    const facts = await readHardwareFacts(this.options.hardwareReader, this.logger);
    if (!facts.ok) return facts;
    const measured = await measureHardware({
      facts: facts.value,
      machineId: await readMachineId(this.options.hardwareReader, this.logger),
      publicKey: identity.publicKey,
      appVersion: this.options.appVersion,
      dataFolder: this.options.dataFolder,
      again,
      engine: () => this.keeper.ensureEngine(),
      clock: this.clock,
      logger: this.logger,
      onProgress,
      signal,
    });
    if (measured.ok) this.view.set({ hardware: measured.value.report });
    return measured;
  }
}
