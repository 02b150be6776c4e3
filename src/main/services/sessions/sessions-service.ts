import type {
  OwnModelEstimate,
  SessionFileView,
  SessionListView,
  SessionState,
  SessionView,
  StatementView,
  TurnFile,
} from '../../../contract/sessions';
import type { AnswerRule } from '../../../contract/sessions';
import { sessionDocument, type FollowedSession, type SessionChange, type SessionClient } from '../../../node';
import { failure, success, type Result } from '../../../protocol/result';
import type { ContentPart } from '../../../protocol/conversation/content';
import { readDocument } from '../../../protocol/documents/read-document';
import { writeDocument } from '../../../protocol/documents/write-document';
import { shouldAnswer } from '../../../protocol/session/answer-rules';
import { agreementTotalsOf, checkStatement, statementOf } from '../../../protocol/session/session-costs';
import { readSessionLink, writeSessionLink } from '../../../protocol/session/session-link';
import type { SessionRole } from '../../../protocol/session/session-host';
import type { Agreement } from '../../../protocol/trust/agreement';
import type { MadeInvitation, ParticipantProfile } from '../../../protocol/wire/session-messages';
import { mainFailure } from '../../errors';
import type { SendEvent } from '../../ipc/send-event';
import { CostEstimator } from '../chat/cost-estimator';
import type { CoordinatorSource } from '../coordinator-reader';
import type { OwnModel, OwnModelsService } from '../own-models/own-models-service';
import type { Timers } from '../timers';
import type { ModelAnswers } from './model-answers';
import { sessionProject } from './session-documents';
import type { SessionPreferences } from './session-preferences';
import { summaryOf, stateOf } from './session-view';
import { fileOfTurn, fileParts, filesOfSession, withoutFileBytes } from './turn-files';

const PLATFORM = 'tore-desktop';
const DAY_MS = 86_400_000;
/** Changes of a session reach the window at most this often; a lively one has more than a screen can show. */
const UPDATE_INTERVAL_MS = 50;

export interface SessionsServiceOptions {
  readonly client: SessionClient;
  readonly preferences: SessionPreferences;
  readonly models: OwnModelsService;
  readonly answers: ModelAnswers;
  readonly source: CoordinatorSource;
  readonly keepAccessToken: (url: string, token: string) => Promise<Result<void>>;
  readonly send: SendEvent;
  readonly timers: Timers;
}

/** What the window asks of group sessions. */
export class SessionsService {
  private readonly changed = new Map<string, { turnsFrom: number | null }>();
  private cancelUpdate: (() => void) | null = null;
  private listChanged = false;
  private joining: AbortController | null = null;

  constructor(private readonly options: SessionsServiceOptions) {}

  list(): SessionListView {
    const { client, preferences } = this.options;
    return {
      sessions: client.sessions.map(summaryOf).sort((a, b) => (a.updatedAt < b.updatedAt ? 1 : -1)),
      offers: client.offers
        .filter(({ offer }) => !preferences.isDeclined(offer.session_id))
        .map(({ offer, hostUrl }) => ({
          sessionId: offer.session_id,
          title: offer.title,
          openedBy: offer.opened_by,
          openedAt: offer.created_at,
          link: writeSessionLink({ sessionId: offer.session_id, hostUrl, code: null }),
        })),
      hostError: client.homeError,
      displayName: preferences.displayName,
    };
  }

  view(sessionId: string): Result<SessionView> {
    return this.withSession(sessionId, (session) =>
      success({ state: this.state(session), turns: withoutFileBytes(session.turns) }),
    );
  }

  async create(input: {
    readonly title: string;
    readonly mode: 'async' | 'live';
    readonly displayName: string;
    readonly agreement: string | null;
  }): Promise<Result<SessionView>> {
    const agreement = input.agreement === null ? success(null) : readAgreement(input.agreement);
    if (!agreement.ok) return agreement;
    const { title, mode } = input;
    const made = await this.options.client.create(
      { title, mode, agreement: agreement.value },
      this.me(input.displayName),
    );
    return made.ok ? this.view(made.value.id) : made;
  }

  /** Joins the session of a link, one at a time. A token for its host is kept for that host alone. */
  async join(text: string, displayName: string, accessToken: string | null): Promise<Result<SessionView>> {
    const link = readSessionLink(text);
    if (!link.ok) return link;
    this.cancelJoin();
    const joining = new AbortController();
    this.joining = joining;
    if (accessToken !== null) {
      const kept = await this.options.keepAccessToken(link.value.hostUrl, accessToken);
      if (!kept.ok) return kept;
      this.client.forgetHost(link.value.hostUrl);
    }
    const joined = await this.client.join(link.value, this.me(displayName), joining.signal);
    return joined.ok ? this.view(joined.value.id) : joined;
  }

  /** Waits no longer for a host that has not answered yet. One that lets this computer in all the same puts the session into the list. */
  cancelJoin(): void {
    this.joining?.abort();
  }

  declineOffer(sessionId: string): Result<null> {
    this.options.preferences.decline(sessionId);
    this.listMayHaveChanged();
    return success(null);
  }

  async post(input: {
    readonly sessionId: string;
    readonly text: string;
    readonly inReplyTo: string | null;
    readonly edits: string | null;
    readonly files: readonly TurnFile[];
  }): Promise<Result<null>> {
    const text: ContentPart[] = input.text.trim() === '' ? [] : [{ type: 'text', text: input.text }];
    const files = fileParts(input.files, text);
    if (!files.ok) return files;
    const content = [...text, ...files.value];
    if (content.length === 0) return mainFailure('payload-invalid', 'There is nothing to post.');
    const posted = await this.options.client.post(input.sessionId, {
      author: 'human',
      content,
      inReplyTo: input.inReplyTo,
      ...(input.edits === null ? {} : { edits: input.edits }),
    });
    return posted.ok ? success(null) : posted;
  }

  typing(sessionId: string, typing: boolean): Result<null> {
    return this.withSession(sessionId, (session) => done(session.typing(typing)));
  }

  markRead(sessionId: string, seq: number): Result<null> {
    return this.withSession(sessionId, (session) => done(session.markRead(seq)));
  }

  forgetRefused(sessionId: string, turnId: string): Result<null> {
    return this.withSession(sessionId, (session) => done(session.forgetRefused(turnId)));
  }

  async invite(
    sessionId: string,
    terms: { readonly role: 'member' | 'observer'; readonly uses: number; readonly days: number },
  ): Promise<Result<MadeInvitation & { readonly link: string }>> {
    const { role, uses, days } = terms;
    const expiresAt = new Date(this.options.timers.now() + days * DAY_MS - 60_000).toISOString();
    const made = await this.options.client.invite(sessionId, { role, uses, expiresAt });
    if (!made.ok) return made;
    const hostUrl = this.options.client.session(sessionId)?.hostUrl ?? '';
    return success({ ...made.value, link: writeSessionLink({ sessionId, hostUrl, code: made.value.code }) });
  }

  get client(): SessionClient {
    return this.options.client;
  }

  setRole(sessionId: string, participantId: string, role: SessionRole | 'removed'): Promise<Result<null>> {
    return answered(this.client.setRole(sessionId, participantId, role === 'removed' ? null : role));
  }

  close(sessionId: string): Promise<Result<null>> {
    return answered(this.client.change(sessionId, { status: 'closed' }));
  }

  leave(sessionId: string): Promise<Result<null>> {
    this.options.answers.stop(sessionId);
    return answered(this.client.leave(sessionId));
  }

  async forget(sessionId: string): Promise<Result<null>> {
    this.options.answers.stop(sessionId);
    this.options.preferences.setModel(sessionId, null);
    await this.client.forget(sessionId);
    return success(null);
  }

  /** Chooses the model that answers for this person, and when. Others see its badge. */
  async setModel(sessionId: string, modelId: string | null, rule: AnswerRule): Promise<Result<null>> {
    const session = this.client.session(sessionId);
    if (session === null) return missing();
    const model = modelId === null ? null : this.options.models.find(modelId);
    if (modelId !== null && model === null) return noModel();
    this.options.preferences.setModel(sessionId, modelId === null ? null : { modelId, rule });
    this.sessionChanged(session, null);
    const badge = model === null ? null : { provider: model.kind, model_id: model.modelId };
    const display_name = session.me?.display_name ?? this.options.preferences.displayName;
    return answered(this.client.setProfile(sessionId, { display_name, model: badge }));
  }

  askModel(sessionId: string, inReplyTo: string | null): Result<null> {
    return this.withModel(sessionId, (session, model) =>
      this.options.answers.begin(session, model, inReplyTo ?? session.turns.at(-1)?.id ?? null),
    );
  }

  stopModel(sessionId: string): Result<null> {
    return done(this.options.answers.stop(sessionId));
  }

  /** What asking the model now would cost: an estimate for the network; other models are their owner's business. */
  async estimate(sessionId: string): Promise<Result<OwnModelEstimate>> {
    const session = this.client.session(sessionId);
    const model = session === null ? null : this.modelOf(session);
    if (session === null || model === null) return session === null ? missing() : noModel();
    const { inputTokens, turnsLeftOut } = this.options.answers.context(session, model, null);
    const { maxNewTokens, name: modelName } = model;
    const known = { modelName, inputTokens, maxNewTokens, turnsLeftOut };
    if (model.kind !== 'network') {
      return success({ ...known, payer: 'provider', estimatedMicroGft: null, balanceMicroGft: null });
    }
    const estimator = new CostEstimator({
      source: this.options.source,
      maxNewTokens: () => maxNewTokens,
      inputTokensAtMost: () => Promise.resolve(inputTokens),
    });
    const cost = await estimator.estimate(null, model.modelId, '');
    if (!cost.ok) return cost;
    const { estimatedMicroGft, balanceMicroGft } = cost.value;
    return success({ ...known, payer: 'network', estimatedMicroGft, balanceMicroGft });
  }

  /** Every file of a session, the newest first. */
  files(sessionId: string): Result<readonly SessionFileView[]> {
    return this.withSession(sessionId, (session) => success(filesOfSession(session.turns)));
  }

  /** One file, whole and checked, to be saved where its person says. */
  file(sessionId: string, turnId: string, part: number): Result<{ readonly name: string; readonly bytes: Uint8Array }> {
    return this.withSession(sessionId, (session) =>
      fileOfTurn(
        session.turns.find(({ id }) => id === turnId),
        part,
      ),
    );
  }

  /** The statement from the copy here, checked against the host's ledger when that can be reached. */
  async statement(sessionId: string): Promise<Result<StatementView>> {
    const session = this.client.session(sessionId);
    if (session === null) return missing();
    const statement = statementOf(session.head, session.participants, session.turns, this.now());
    const { agreement } = session;
    const underAgreement = agreement === null ? null : agreementTotalsOf(agreement, this.client.sessions);
    const words = await this.client.costs(sessionId);
    if (!words.ok) return success({ statement, underAgreement, checked: null });
    const { coordinator_id: coordinatorId, cost_unit: unit, cost_rate: rate } = session.head;
    return success({
      statement,
      underAgreement,
      checked: checkStatement(statement.lines, words.value, { coordinatorId, terms: { unit, rate } }),
    });
  }

  /** The text of a file to export, and the name it is proposed under. */
  async exportText(
    sessionId: string,
    what: 'session' | 'project' | 'statement',
  ): Promise<Result<{ readonly name: string; readonly text: string }>> {
    const session = this.client.session(sessionId);
    if (session === null) return missing();
    const name =
      session.head.title
        .replace(/[^\p{L}\p{N} _-]+/gu, ' ')
        .trim()
        .slice(0, 60) || 'session';
    if (what === 'statement') {
      const statement = await this.statement(sessionId);
      if (!statement.ok) return statement;
      return success({ name: `${name}.statement.json`, text: `${JSON.stringify(statement.value, null, 2)}\n` });
    }
    const document = what === 'session' ? sessionDocument(session) : sessionProject(session, this.now());
    const written = writeDocument(document);
    if (!written.ok) return written;
    return success({ name: `${name}${what === 'session' ? '.tore3.json' : '.tore4.json'}`, text: written.value });
  }

  /** The client saw a change; a turn may be one this person's model answers. */
  sessionChanged(session: FollowedSession, change: SessionChange | null): void {
    const before = this.changed.get(session.id)?.turnsFrom ?? null;
    const from = change?.kind === 'turns' ? (change.added[0]?.seq ?? null) : null;
    const turnsFrom = before === null ? from : from === null ? before : Math.min(before, from);
    this.changed.set(session.id, { turnsFrom });
    if (change?.kind === 'turns') {
      this.listChanged = true;
      if (session.link === 'current') this.answerByRule(session);
    }
    if (change?.kind === 'state') this.listChanged = true;
    this.updateSoon();
  }

  listMayHaveChanged(): void {
    this.listChanged = true;
    this.updateSoon();
  }

  private updateSoon(): void {
    this.cancelUpdate ??= this.options.timers.after(UPDATE_INTERVAL_MS, () => {
      this.cancelUpdate = null;
      for (const [sessionId, { turnsFrom }] of this.changed) {
        const session = this.client.session(sessionId);
        if (session === null) continue;
        const turns = turnsFrom === null ? [] : withoutFileBytes(session.turns.slice(turnsFrom - 1));
        this.options.send('session-updated', { sessionId, turns, state: this.state(session) });
      }
      this.changed.clear();
      if (this.listChanged) this.options.send('sessions-changed', this.list());
      this.listChanged = false;
    });
  }

  private answerByRule(session: FollowedSession): void {
    const chosen = this.options.preferences.modelOf(session.id);
    const model = this.modelOf(session);
    if (chosen === null || model === null || this.options.answers.isAnswering(session.id)) return;
    const { participantId, turns } = session;
    const names = [model.name, model.modelId];
    if (!shouldAnswer({ rule: chosen.rule, participantId, names, turns })) return;
    this.options.answers.begin(session, model, turns.at(-1)?.id ?? null);
  }

  private state(session: FollowedSession): SessionState {
    const { preferences, answers } = this.options;
    const chosen = preferences.modelOf(session.id);
    return stateOf(session, {
      modelId: chosen?.modelId ?? null,
      rule: chosen?.rule ?? 'asked',
      answering: answers.isAnswering(session.id),
      error: answers.errorOf(session.id),
    });
  }

  private modelOf(session: FollowedSession): OwnModel | null {
    const chosen = this.options.preferences.modelOf(session.id);
    return chosen === null ? null : this.options.models.find(chosen.modelId);
  }

  private me(displayName: string): ParticipantProfile {
    this.options.preferences.setDisplayName(displayName.trim());
    return { display_name: displayName.trim(), platform: PLATFORM, model: null };
  }

  private withSession<Value>(sessionId: string, run: (session: FollowedSession) => Result<Value>): Result<Value> {
    const session = this.client.session(sessionId);
    return session === null ? missing() : run(session);
  }

  private withModel(sessionId: string, run: (session: FollowedSession, model: OwnModel) => Result<null>): Result<null> {
    return this.withSession(sessionId, (session) => {
      const model = this.modelOf(session);
      return model === null ? noModel() : run(session, model);
    });
  }

  private now(): string {
    return new Date(this.options.timers.now()).toISOString();
  }
}

function done(_nothing: void): Result<null> {
  return success(null);
}

async function answered(call: Promise<Result<unknown>>): Promise<Result<null>> {
  const result = await call;
  return result.ok ? success(null) : result;
}

function missing(): Result<never> {
  return mainFailure('session-missing', 'This session is not on this computer any more.');
}

function noModel(): Result<never> {
  return mainFailure('session-model-missing', 'No model is chosen for this session.', {
    suggestion: 'Choose one under “Your model”.',
  });
}

function readAgreement(text: string): Result<Agreement> {
  const read = readDocument(text);
  if (!read.ok) return failure('file-invalid', `This is not an agreement: ${read.error.message}`);
  if (read.value.kind !== 'agreement') {
    return failure('file-invalid', `This is a ${read.value.kind}, not an agreement.`);
  }
  return success(read.value.document);
}
