import type { CoordinatorCheck } from '../../contract/calls';
import type { Settings } from '../../contract/settings';
import type { EmbeddedCoordinatorState, JoinDetails } from '../../contract/snapshot';
import { CoordinatorHttp, parseCoordinatorUrl, probeCoordinator } from '../../node';
import { success, type Result } from '../../protocol/result';
import { mainFailure } from '../errors';
import type { EmbeddedCoordinator } from '../processes/embedded-coordinator';
import type { AccessTokens } from './access-tokens';
import type { Invitations } from './invitations';
import type { CoordinatorTarget } from './node-service';

export interface CoordinatorServiceOptions {
  readonly embedded: Pick<EmbeddedCoordinator, 'state' | 'start' | 'stop' | 'restart'>;
  readonly accessTokens: AccessTokens;
  readonly invitations: Pick<Invitations, 'of'>;
  /** The embedded coordinator's token of this run. */
  readonly embeddedToken: string;
  readonly settings: Settings;
  readonly onTarget: (target: CoordinatorTarget) => void;
  /** How a headless node is started here, up to the arguments that name the coordinator. */
  readonly nodeCommand: () => string;
}

/** Decides which coordinator the node uses, and runs the embedded one when that is it. */
export class CoordinatorService {
  readonly #options: CoordinatorServiceOptions;
  #settings: Settings;
  #targetKey = '';
  /** Decisions are made one after the other: reading a token takes time, and the newest settings win. */
  #deciding: Promise<void> = Promise.resolve();

  constructor(options: CoordinatorServiceOptions) {
    this.#options = options;
    this.#settings = options.settings;
  }

  start(): void {
    if (this.#settings.coordinator.kind === 'embedded') this.#options.embedded.start();
    this.update();
  }

  /** Settings that the embedded coordinator reads at its start make it start anew. */
  applySettings(settings: Settings): void {
    const before = this.#settings;
    this.#settings = settings;
    const { embedded } = this.#options;
    const isEmbedded = settings.coordinator.kind === 'embedded';
    const wasEmbedded = before.coordinator.kind === 'embedded';
    if (isEmbedded && wasEmbedded && settings.embeddedTokenEconomy !== before.embeddedTokenEconomy) {
      void embedded.restart();
    } else if (isEmbedded && !wasEmbedded) {
      void embedded.restart();
    } else if (!isEmbedded && wasEmbedded) {
      void embedded.stop();
    }
    this.update();
  }

  /** Starts an embedded coordinator that had given up. */
  retry(): void {
    if (this.#settings.coordinator.kind === 'embedded') this.#options.embedded.start();
  }

  /** Decides anew: the embedded coordinator changed its state, or a token or an invitation was entered. */
  update(): void {
    this.#deciding = this.#deciding.then(async () => {
      const target = await this.#decide();
      const key = JSON.stringify(target);
      if (key === this.#targetKey) return;
      this.#targetKey = key;
      this.#options.onTarget(target);
    });
  }

  async close(): Promise<void> {
    await this.#deciding;
    await this.#options.embedded.stop();
  }

  /** Asks who answers at an address. */
  async check(address: string): Promise<Result<CoordinatorCheck>> {
    const url = parseCoordinatorUrl(address);
    if (!url.ok) return url;
    const { accessTokens } = this.#options;
    const token = accessTokens.boundTo(url.value.base);
    const probed = await probeCoordinator(new CoordinatorHttp(url.value.base, token));
    if (!probed.ok) return probed;
    const { baseUrl, name, version, tokenMode } = probed.value;
    return success({ url: baseUrl, name, version, tokenMode: tokenMode ?? false });
  }

  /** How another computer or process joins the embedded coordinator. */
  joinDetails(): Promise<Result<JoinDetails>> {
    const { state } = this.#options.embedded;
    return Promise.resolve(joinDetailsOf(state, this.#options.embeddedToken, this.#options.nodeCommand()));
  }

  async #decide(): Promise<CoordinatorTarget> {
    const { embedded, embeddedToken, accessTokens } = this.#options;
    const { coordinator } = this.#settings;
    if (coordinator.kind === 'embedded') {
      const { state } = embedded;
      if (state.kind === 'running') {
        return { kind: 'known', url: state.url, accessToken: embeddedToken, isOwn: true };
      }
      return state.kind === 'failed' ? { kind: 'unavailable', error: state.error } : { kind: 'starting' };
    }
    const token = accessTokens.of(coordinator.url);
    if (!token.ok) return { kind: 'unavailable', error: token.error };
    const invitation = this.#options.invitations.of(coordinator.url);
    return invitation.ok
      ? { kind: 'known', url: coordinator.url, accessToken: token.value, invitation: invitation.value }
      : { kind: 'unavailable', error: invitation.error };
  }
}

function joinDetailsOf(state: EmbeddedCoordinatorState, accessToken: string, nodeCommand: string): Result<JoinDetails> {
  if (state.kind === 'off') {
    return mainFailure(
      'coordinator-not-embedded',
      'This app uses a coordinator that others run; ask them how to join.',
    );
  }
  if (state.kind === 'failed') return { ok: false, error: state.error };
  if (state.kind === 'starting') {
    return mainFailure('coordinator-not-embedded', 'The coordinator of this computer is still starting.', {
      retryable: true,
      suggestion: 'Try again in a moment.',
    });
  }
  const { url } = state;
  return success({ url, accessToken, command: `${nodeCommand} --coordinator ${url} --access-token ${accessToken}` });
}
