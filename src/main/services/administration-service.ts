import type { Static, TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { ADMINISTRATION_PAGE, type AdministrationView } from '../../contract/administration-calls';
import type { CallInput } from '../../contract/calls';
import type { CoordinatorChoice } from '../../contract/settings';
import type { EmbeddedCoordinatorState, ModelCoverage } from '../../contract/snapshot';
import { CoordinatorHttp, parseCoordinatorUrl } from '../../node';
import {
  AdminChallenges,
  AdminNodes,
  Invitations,
  LiveRequests,
  Members,
  NewInvitation,
  PolicyCheck,
  PolicyView,
} from '../../protocol/compute/http/admin';
import { OperatorNotice, OperatorNotices } from '../../protocol/compute/http/notices';
import { FederationView, PeerView, StatementViews } from '../../protocol/federation/administration';
import { LedgerAudit, LedgerVerification } from '../../protocol/compute/http/tokens';
import { success, type Result } from '../../protocol/result';
import { mainFailure } from '../errors';
import { coordinatorOrigin } from './access-tokens';
import { ModelsAnswer, RegistryAnswer } from './coordinator-answers';
import { buildCoverage } from './model-coverage';
import type { SecretVault } from './secret-vault';

const TOKEN_PREFIX = 'administrator-token:';
const DAY_MS = 86_400_000;
const AUDITED_ENTRIES = 200;

export interface AdministrationDependencies {
  readonly choice: () => CoordinatorChoice;
  readonly embedded: () => EmbeddedCoordinatorState;
  /** The embedded coordinator's administrator token of this run. */
  readonly embeddedToken: string;
  /** This computer's node, so that its own layers can be told from others'; null before it has an identity. */
  readonly ownNodeId: () => string | null;
  readonly vault: Pick<SecretVault, 'read' | 'write' | 'remove' | 'has'>;
  readonly now: () => number;
}

interface Call {
  readonly method?: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
}

/**
 * Administers the coordinator this app uses: its own, or another one whose administrator's token was entered. The token
 * belongs to one address and is sent nowhere else.
 */
export class AdministrationService {
  constructor(private readonly dependencies: AdministrationDependencies) {}

  view(): AdministrationView {
    const choice = this.dependencies.choice();
    if (choice.kind === 'embedded') {
      const state = this.dependencies.embedded();
      return { target: 'embedded', url: state.kind === 'running' ? state.url : null, hasToken: true };
    }
    return { target: 'remote', url: choice.url, hasToken: this.dependencies.vault.has(tokenName(choice.url)) };
  }

  async setToken(token: string | null): Promise<Result<AdministrationView>> {
    const choice = this.dependencies.choice();
    if (choice.kind === 'embedded') return success(this.view());
    const { vault } = this.dependencies;
    const name = tokenName(choice.url);
    const saved = await (token === null ? vault.remove(name) : vault.write(name, token));
    return saved.ok ? success(this.view()) : saved;
  }

  nodes({ status, offset }: CallInput<'administration:get-nodes'>): Promise<Result<AdminNodes>> {
    const filter = status === 'all' ? '' : `&status=${status}`;
    return this.#read({ path: `/admin/nodes?limit=${ADMINISTRATION_PAGE}&offset=${offset}${filter}` }, AdminNodes);
  }

  /** Who holds which layers of every model, counted from all shards the coordinator knows. */
  async coverage(): Promise<Result<readonly ModelCoverage[]>> {
    const [models, registry] = await Promise.all([
      this.#read({ path: '/inference/models' }, ModelsAnswer),
      this.#read({ path: '/inference/shards/registry' }, RegistryAnswer),
    ]);
    if (!models.ok) return models;
    if (!registry.ok) return registry;
    const own = this.dependencies.ownNodeId();
    return success(
      models.value.models.map((model) => {
        const pipeline = { ...model, available: model.pipeline_available ?? false, reason: null };
        return buildCoverage(model.model_id, pipeline, registry.value, own);
      }),
    );
  }

  suspend(nodeId: string, reason: string): Promise<Result<null>> {
    return this.#do({ method: 'POST', path: `/admin/nodes/${encodeURIComponent(nodeId)}/suspend`, body: { reason } });
  }

  release(nodeId: string): Promise<Result<null>> {
    return this.#do({ method: 'POST', path: `/admin/nodes/${encodeURIComponent(nodeId)}/release`, body: {} });
  }

  requests(): Promise<Result<LiveRequests>> {
    return this.#read({ path: '/admin/requests' }, LiveRequests);
  }

  challenges(): Promise<Result<AdminChallenges>> {
    return this.#read({ path: '/admin/challenges?limit=100' }, AdminChallenges);
  }

  members(): Promise<Result<Members>> {
    return this.#read({ path: '/admin/members' }, Members);
  }

  removeMember(publicKey: string): Promise<Result<null>> {
    return this.#do({ method: 'DELETE', path: `/admin/members/${encodeURIComponent(publicKey)}` });
  }

  invitations(): Promise<Result<Invitations>> {
    return this.#read({ path: '/admin/invitations' }, Invitations);
  }

  invite({ note, maxUses, days }: CallInput<'administration:create-invitation'>): Promise<Result<NewInvitation>> {
    const expiresAt = new Date(this.dependencies.now() + days * DAY_MS).toISOString();
    const body = { note, max_uses: maxUses, expires_at: expiresAt };
    return this.#read({ method: 'POST', path: '/admin/invitations', body }, NewInvitation);
  }

  revokeInvitation(invitationId: string): Promise<Result<null>> {
    return this.#do({ method: 'DELETE', path: `/admin/invitations/${encodeURIComponent(invitationId)}` });
  }

  notices(): Promise<Result<OperatorNotices>> {
    return this.#read({ path: '/admin/notices' }, OperatorNotices);
  }

  postNotice(body: CallInput<'administration:post-notice'>): Promise<Result<OperatorNotice>> {
    return this.#read({ method: 'POST', path: '/admin/notices', body }, OperatorNotice);
  }

  withdrawNotice(noticeId: string): Promise<Result<null>> {
    return this.#do({ method: 'DELETE', path: `/admin/notices/${encodeURIComponent(noticeId)}` });
  }

  policy(): Promise<Result<PolicyView>> {
    return this.#read({ path: '/admin/policy' }, PolicyView);
  }

  /** @param text - settings by name, as JSON a person edited */
  checkPolicy(text: string): Promise<Result<PolicyCheck>> {
    let body: unknown;
    try {
      body = JSON.parse(text);
    } catch (thrown) {
      const reason = thrown instanceof Error ? thrown.message : 'it cannot be read';
      return Promise.resolve(mainFailure('payload-invalid', `The policy is not valid JSON: ${reason}.`));
    }
    return this.#read({ method: 'POST', path: '/admin/policy/check', body }, PolicyCheck);
  }

  federation(): Promise<Result<FederationView>> {
    return this.#read({ path: '/admin/federation' }, FederationView);
  }

  setPeer(name: string, act: 'cut' | 'resume'): Promise<Result<PeerView>> {
    return this.#read({ method: 'POST', path: `${peerPath(name)}/${act}`, body: {} }, PeerView);
  }

  statements(name: string): Promise<Result<StatementViews>> {
    return this.#read({ path: `${peerPath(name)}/statements` }, StatementViews);
  }

  reconcile(name: string): Promise<Result<StatementViews>> {
    return this.#read({ method: 'POST', path: `${peerPath(name)}/reconcile`, body: {} }, StatementViews);
  }

  audit(): Promise<Result<LedgerAudit>> {
    return this.#read({ path: `/tokens/ledger/audit?limit=${AUDITED_ENTRIES}` }, LedgerAudit);
  }

  verify(): Promise<Result<LedgerVerification>> {
    return this.#read({ path: '/tokens/ledger/verify' }, LedgerVerification);
  }

  async #do(call: Call): Promise<Result<null>> {
    const answer = await this.#send(call);
    return answer.ok ? success(null) : answer;
  }

  async #read<Schema extends TSchema>(call: Call, schema: Schema): Promise<Result<Static<Schema>>> {
    const answer = await this.#send(call);
    if (!answer.ok) return answer;
    if (Value.Check(schema, answer.value)) return success(answer.value as Static<Schema>);
    return mainFailure('answer-invalid', 'The coordinator answered in a form this app cannot read.', {
      suggestion: 'It may be of another version.',
    });
  }

  async #send(call: Call): Promise<Result<unknown>> {
    const { url } = this.view();
    if (url === null) {
      return mainFailure('coordinator-not-embedded', 'The coordinator of this computer is not running.', {
        retryable: true,
        suggestion: 'Wait until it has started.',
      });
    }
    const token = this.#token();
    if (!token.ok) return token;
    const base = parseCoordinatorUrl(url);
    if (!base.ok) return base;
    const answer = await new CoordinatorHttp(base.value.base, token.value).send(call);
    if (!answer.ok) return answer;
    const { status, json } = answer.value;
    if (status < 300) return success(json);
    if (status === 401 || status === 403) {
      return mainFailure('not-administrator', 'The coordinator does not take this app for an administrator.', {
        suggestion: 'Enter the administrator’s token of this coordinator.',
      });
    }
    return mainFailure('coordinator-refused', `The coordinator refused: ${detailOf(json) ?? `status ${status}`}`, {
      retryable: status >= 500,
    });
  }

  #token(): Result<string> {
    const choice = this.dependencies.choice();
    if (choice.kind === 'embedded') return success(this.dependencies.embeddedToken);
    const stored = this.dependencies.vault.read(tokenName(choice.url));
    if (!stored.ok) return stored;
    if (stored.value !== null) return success(stored.value);
    return mainFailure('not-administrator', 'No administrator’s token of this coordinator is stored.', {
      suggestion: 'Enter the token its operator gave you.',
    });
  }
}

function peerPath(name: string): string {
  return `/admin/federation/peers/${encodeURIComponent(name)}`;
}

function tokenName(url: string): string {
  return `${TOKEN_PREFIX}${coordinatorOrigin(url)}`;
}

function detailOf(json: unknown): string | null {
  if (typeof json !== 'object' || json === null || !('detail' in json)) return null;
  return typeof json.detail === 'string' ? json.detail : null;
}
