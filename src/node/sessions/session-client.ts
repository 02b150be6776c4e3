import { Type } from 'typebox';
import { v7 } from 'uuid';
import { nodeEd25519 } from '../../keys/ed25519';
import { success, type Failure, type Result } from '../../protocol/result';
import type { ContentPart } from '../../protocol/conversation/content';
import type { InferenceCost } from '../../protocol/session/session';
import { SESSION_LIMITS } from '../../protocol/session/limits';
import type { PostedTurn, SessionRole } from '../../protocol/session/session-host';
import type { SessionLink as SessionAddress } from '../../protocol/session/session-link';
import { signTurn } from '../../protocol/signing/sign-document';
import type { Agreement } from '../../protocol/trust/agreement';
import type { SessionEvent } from '../../protocol/wire/messages';
import {
  EnteredSession,
  InvitationView,
  LedgerCosts,
  MadeInvitation,
  SessionList,
  SessionOffers,
  type LedgerCost,
  type SessionOffer,
  type ParticipantProfile,
} from '../../protocol/wire/session-messages';
import { timeText, type Clock } from '../clock';
import { BackOff } from '../coordinator-client/back-off';
import type { CallBody } from '../coordinator-client/pending-calls';
import { nodeFailure } from '../errors';
import type { NodeIdentity } from '../identity/node-identity';
import type { NodeLogger } from '../logger';
import { answeredWithOtherSession, FollowedSession, type SessionChange } from './followed-session';
import { HostLink, type HostAddress } from './host-link';
import type { ParticipantConnection } from './participant-connection';
import { ReplicaFiles } from './replica-files';

type Call<Name extends CallBody['type']> = Extract<CallBody, { type: Name }>;

/** What the client tells its owner. */
export interface SessionClientEvents {
  /** A session is new, or gone from this computer. */
  onListChanged(): void;
  /** Somebody has opened a session under an agreement of this computer's party. */
  onOffered(offer: SessionOffer): void;
  onChange(session: FollowedSession, change: SessionChange): void;
}

export interface SessionClientOptions extends SessionClientEvents {
  /** Where the copies of sessions are kept. */
  readonly folder: string;
  readonly identity: NodeIdentity;
  /** The access token for a coordinator that is not this computer's own, null when there is none. */
  readonly accessTokenFor: (url: string) => string | null;
  readonly clock: Clock;
  readonly logger: NodeLogger;
}

/** A session this computer may join because of an agreement of its party. */
export interface OfferedSession {
  readonly offer: SessionOffer;
  readonly hostUrl: string;
}

/** What somebody or their model says. */
export interface TurnDraft {
  /** Chosen before for an answer that was streamed under it. */
  readonly id?: string;
  readonly author: 'human' | 'model';
  readonly content: readonly ContentPart[];
  readonly inReplyTo?: string | null;
  /** The earlier own turn that this one replaces. */
  readonly edits?: string;
  readonly model?: { readonly provider: string; readonly model_id: string };
  readonly cost?: InferenceCost;
}

const Anything = Type.Unknown();
const Invitations = Type.Array(InvitationView);

/**
 * Takes part in group sessions: follows them at their hosts, keeps a copy of each on disk, and lets its person write with
 * or without a network. Works for an app that contributes nothing; all it needs is a key.
 */
export class SessionClient {
  private readonly files: ReplicaFiles;
  private readonly followed = new Map<string, FollowedSession>();
  private readonly links = new Map<string, HostLink>();
  private home: HostLink | null = null;
  private homeListed = false;
  private readonly offered = new Map<string, OfferedSession>();

  constructor(private readonly options: SessionClientOptions) {
    this.files = new ReplicaFiles(options.folder);
  }

  /** Reads the copies on disk. Returns the folders that could not be read; they are left as they are. */
  async open(): Promise<readonly string[]> {
    const { sessions, damaged } = await this.files.readAll();
    for (const stored of sessions) {
      this.followed.set(stored.record.head.id, FollowedSession.ofStored(stored, this.followedOptions()));
    }
    this.options.onListChanged();
    return damaged;
  }

  /** This computer's own coordinator, null while there is none. Sessions elsewhere keep their connections. */
  setHome(address: HostAddress | null): void {
    const before = this.home?.address;
    const keys = ['url', 'accessToken', 'invitation'] as const;
    if (keys.every((key) => (before?.[key] ?? null) === (address?.[key] ?? null))) return;
    this.home?.close();
    this.home = null;
    this.homeListed = false;
    if (before !== undefined) this.forgetOffersOf(before.url);
    for (const session of this.followed.values()) if (session.hostUrl === before?.url) session.lost();
    if (address !== null) {
      this.dropForeign(address.url);
      this.home = this.link(address, true);
    }
    for (const session of this.followed.values()) if (!this.isHome(session)) this.linkTo(session.hostUrl);
  }

  get sessions(): readonly FollowedSession[] {
    return [...this.followed.values()];
  }

  session(sessionId: string): FollowedSession | null {
    return this.followed.get(sessionId) ?? null;
  }

  /** Sessions to which agreements invite, the newest first. */
  get offers(): readonly OfferedSession[] {
    return [...this.offered.values()].sort((a, b) => b.offer.created_at.localeCompare(a.offer.created_at));
  }

  /** Id of the own coordinator, null while it is not connected. Its ledger is the one that books the node's requests. */
  get homeCoordinatorId(): string | null {
    return this.home?.connection?.coordinatorId ?? null;
  }

  /** Whether a session is taken part in through the own coordinator, whichever hosts it: its ledger's word then counts. */
  isThroughHome(session: FollowedSession): boolean {
    const { homeCoordinatorId } = this;
    if (homeCoordinatorId === null) return false;
    return this.isHome(session) || session.head.coordinator_id === homeCoordinatorId;
  }

  /** Whether the sessions this key has at its own coordinator are all here. */
  get isHomeListed(): boolean {
    return this.homeListed;
  }

  /** Why the own coordinator cannot be used for sessions now, null while it can. */
  get homeError(): Failure | null {
    return this.home?.connection === null ? this.home.lastError : null;
  }

  /** Opens a session at the own coordinator. */
  async create(
    fields: { readonly title: string; readonly mode: 'async' | 'live'; readonly agreement: Agreement | null },
    me: ParticipantProfile,
  ): Promise<Result<FollowedSession>> {
    if (this.home === null) return notConnected();
    const { title, mode, agreement } = fields;
    const body: Call<'session-create'> = {
      type: 'session-create',
      session_id: v7(),
      title,
      mode,
      me,
      ...(agreement === null ? {} : { agreement }),
    };
    return this.enterBy(this.home, body);
  }

  /**
   * Joins the session of a link.
   *
   * @param signal - ends the waiting for the host with `cancelled`; a host that was asked already is heard out, as it may
   *   have spent the invitation
   */
  async join(link: SessionAddress, me: ParticipantProfile, signal?: AbortSignal): Promise<Result<FollowedSession>> {
    if (signal?.aborted === true) return nodeFailure('cancelled', 'Joining was cancelled.');
    const body: Call<'session-join'> = {
      type: 'session-join',
      session_id: link.sessionId,
      me,
      ...(link.code === null ? {} : { code: link.code }),
    };
    const joined = await this.enterBy(this.linkTo(link.hostUrl), body, signal);
    if (!joined.ok) this.dropUnused(link.hostUrl);
    return joined;
  }

  /** Ends the connection to a host elsewhere; the next one is made with the access token of then. */
  forgetHost(url: string): void {
    this.dropForeign(url);
  }

  /** Signs a turn and sends it, now or when its host can be reached. */
  async post(sessionId: string, draft: TurnDraft): Promise<Result<PostedTurn>> {
    const session = this.followed.get(sessionId);
    if (session === undefined) return unknown();
    const turn = this.signed(session, draft);
    if (!turn.ok) return turn;
    const queued = await session.post(turn.value);
    return queued.ok ? turn : queued;
  }

  change(
    sessionId: string,
    change: { readonly title?: string; readonly mode?: 'async' | 'live'; readonly status?: 'closed' },
  ): Promise<Result<unknown>> {
    return this.ask(sessionId, { type: 'session-change', session_id: sessionId, ...change }, Anything);
  }

  setProfile(sessionId: string, profile: Pick<ParticipantProfile, 'display_name' | 'model'>): Promise<Result<unknown>> {
    return this.ask(sessionId, { type: 'session-profile', session_id: sessionId, ...profile }, Anything);
  }

  setRole(sessionId: string, participantId: string, role: SessionRole | null): Promise<Result<unknown>> {
    const body: Call<'session-role'> = {
      type: 'session-role',
      session_id: sessionId,
      participant_id: participantId,
      role,
    };
    return this.ask(sessionId, body, Anything);
  }

  /** Leaves a session; its copy stays here until it is forgotten. */
  leave(sessionId: string): Promise<Result<unknown>> {
    return this.ask(sessionId, { type: 'session-leave', session_id: sessionId }, Anything);
  }

  invite(
    sessionId: string,
    terms: { readonly role: 'member' | 'observer'; readonly uses: number; readonly expiresAt: string },
  ): Promise<Result<MadeInvitation>> {
    const { role, uses, expiresAt } = terms;
    const body: Call<'session-invite'> = {
      type: 'session-invite',
      session_id: sessionId,
      role,
      uses,
      expires_at: expiresAt,
    };
    return this.ask(sessionId, body, MadeInvitation);
  }

  invitations(sessionId: string): Promise<Result<InvitationView[]>> {
    return this.ask(sessionId, { type: 'session-invitations', session_id: sessionId }, Invitations);
  }

  withdraw(sessionId: string, invitationId: string): Promise<Result<unknown>> {
    const body: Call<'session-withdraw'> = {
      type: 'session-withdraw',
      session_id: sessionId,
      invitation_id: invitationId,
    };
    return this.ask(sessionId, body, Anything);
  }

  /** The costs of a session as its host's ledger has them. */
  costs(sessionId: string): Promise<Result<LedgerCost[]>> {
    return this.ask(sessionId, { type: 'session-costs', session_id: sessionId }, LedgerCosts);
  }

  /** Removes the copy from this computer; a session one is still in comes back with the next connection. */
  async forget(sessionId: string): Promise<void> {
    const session = this.followed.get(sessionId);
    this.followed.delete(sessionId);
    session?.lost();
    await session?.settled();
    await this.files.remove(sessionId);
    this.options.onListChanged();
  }

  retry(): void {
    this.home?.retry();
    for (const link of this.links.values()) link.retry();
  }

  async close(): Promise<void> {
    this.home?.close();
    for (const link of this.links.values()) link.close();
    for (const session of this.followed.values()) await session.settled();
  }

  private signed(session: FollowedSession, draft: TurnDraft): Result<PostedTurn> {
    const { identity, clock } = this.options;
    const follows = session.turns.at(-1)?.id;
    const metadata = {
      ...(draft.edits === undefined ? {} : { edits: draft.edits }),
      ...(draft.model === undefined ? {} : { model: draft.model }),
    };
    const turn: PostedTurn = {
      id: draft.id ?? v7(),
      participant_id: session.participantId,
      session_id: session.id,
      author: draft.author,
      created_at: timeText(clock.now()),
      content: [...draft.content],
      ...(follows === undefined ? {} : { follows }),
      ...(draft.inReplyTo === undefined || draft.inReplyTo === null ? {} : { in_reply_to: draft.inReplyTo }),
      ...(draft.cost === undefined ? {} : { inference_cost: draft.cost }),
      ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
    };
    const owner = { id: session.participantId, public_key: identity.publicKey };
    return signTurn(turn, owner, identity, nodeEd25519);
  }

  private async ask<Answer extends Parameters<ParticipantConnection['call']>[1]>(
    sessionId: string,
    body: Parameters<ParticipantConnection['call']>[0],
    answer: Answer,
  ): ReturnType<typeof ParticipantConnection.prototype.call<Answer>> {
    const session = this.followed.get(sessionId);
    if (session === undefined) return unknown();
    return session.host === null ? notConnected() : session.host.call(body, answer);
  }

  private async enterBy(
    link: HostLink,
    body: Call<'session-create'> | Call<'session-join'>,
    signal?: AbortSignal,
  ): Promise<Result<FollowedSession>> {
    const connection = await link.ready(signal);
    if (!connection.ok) return connection;
    const entered = await connection.value.call(body, EnteredSession);
    if (!entered.ok) return entered;
    if (entered.value.head.id !== body.session_id) return answeredWithOtherSession();
    return success(await this.take(connection.value, entered.value, link.address.url));
  }

  private async take(
    connection: ParticipantConnection,
    entered: EnteredSession,
    hostUrl: string,
  ): Promise<FollowedSession> {
    const known = this.followed.get(entered.head.id);
    const session = known ?? this.follow(entered, hostUrl);
    this.followed.set(session.id, session);
    this.offered.delete(session.id);
    await session.entered(connection, entered, hostUrl);
    this.options.onListChanged();
    return session;
  }

  private follow(entered: EnteredSession, hostUrl: string): FollowedSession {
    return new FollowedSession(
      {
        formatVersion: 1,
        head: entered.head,
        hostUrl,
        participantId: entered.participant_id,
        participants: entered.participants,
        agreement: entered.agreement,
        waiting: [],
        refused: [],
        readSeq: 0,
        ended: null,
        savedAt: timeText(this.options.clock.now()),
      },
      [],
      this.followedOptions(),
    );
  }

  /** @returns whether the offer is new here */
  private takeOffer(offer: SessionOffer, hostUrl: string): boolean {
    if (this.followed.has(offer.session_id) || this.offered.has(offer.session_id)) return false;
    const ofHost = [...this.offered.values()].filter((each) => each.hostUrl === hostUrl);
    if (ofHost.length >= SESSION_LIMITS.maxOffers) return false;
    this.offered.set(offer.session_id, { offer, hostUrl });
    this.options.onListChanged();
    return true;
  }

  private forgetOffersOf(hostUrl: string): void {
    for (const [id, each] of this.offered) if (each.hostUrl === hostUrl) this.offered.delete(id);
  }

  private followedOptions(): ConstructorParameters<typeof FollowedSession>[2] {
    const { clock, logger, onChange } = this.options;
    return { files: this.files, clock, logger, onChange };
  }

  private linkTo(url: string): HostLink {
    if (this.home?.address.url === url) return this.home;
    const known = this.links.get(url);
    if (known !== undefined) return known;
    const link = this.link({ url, accessToken: this.options.accessTokenFor(url) }, false);
    this.links.set(url, link);
    return link;
  }

  private dropForeign(url: string): void {
    this.links.get(url)?.close();
    this.links.delete(url);
  }

  /** A host that let nobody in is not contacted any more. */
  private dropUnused(url: string): void {
    if (![...this.followed.values()].some(({ hostUrl }) => hostUrl === url)) this.dropForeign(url);
  }

  private isHome(session: FollowedSession): boolean {
    return this.home !== null && session.hostUrl === this.home.address.url;
  }

  private link(address: HostAddress, isHome: boolean): HostLink {
    const { identity, clock, logger } = this.options;
    const backOff = new BackOff(clock);
    let cancelRetry = (): void => undefined;
    const enterAll = async (connection: ParticipantConnection): Promise<void> => {
      const isComplete = await this.connected(link, connection, isHome);
      if (isComplete) backOff.reset();
      else if (link.connection === connection) {
        cancelRetry = clock.schedule(backOff.nextDelayMs(), () => void enterAll(connection));
      }
    };
    const link: HostLink = new HostLink({
      address,
      identity,
      clock,
      logger,
      onConnected: (connection) => void enterAll(connection),
      onLost: () => {
        cancelRetry();
        if (isHome) this.homeListed = false;
        for (const session of this.followed.values()) if (session.hostUrl === address.url) session.lost();
        this.options.onListChanged();
      },
      onEvent: (event: SessionEvent) => {
        if (event.type === 'session-offered') {
          if (this.takeOffer(event.offer, address.url)) this.options.onOffered(event.offer);
          return;
        }
        // A host has nothing to tell of sessions at another one.
        const session = this.followed.get(event.session_id);
        if (session?.hostUrl === address.url) session.receive(event);
      },
    });
    return link;
  }

  /**
   * A coordinator is there (again): every session it hosts is entered, those joined on another computer as well.
   *
   * @returns false where it could not do all of it now; the same again does what is missing
   */
  private async connected(link: HostLink, connection: ParticipantConnection, isHome: boolean): Promise<boolean> {
    const { url } = link.address;
    let isComplete = true;
    const noted = <Value>(result: Result<Value>): Result<Value> => {
      if (!result.ok && result.error.retryable) isComplete = false;
      return result;
    };
    const listed = noted(await connection.call({ type: 'session-list' }, SessionList));
    const ids = new Set(listed.ok ? listed.value.map(({ head }) => head.id) : []);
    const known = [...this.followed.values()].filter(
      // The own coordinator changes its port from start to start; its id stays, and so do the sessions it leads to.
      ({ head, hostUrl }) =>
        hostUrl === url || (isHome && (head.coordinator_id === connection.coordinatorId || ids.has(head.id))),
    );
    for (const session of known) {
      if (session.host !== connection) noted(await session.enter(connection, url));
    }
    // Before the question: an offer that is told while it is answered is not in the answer.
    this.forgetOffersOf(url);
    const offers = noted(await connection.call({ type: 'session-offers' }, SessionOffers));
    if (offers.ok) for (const offer of offers.value) this.takeOffer(offer, url);
    if (listed.ok) {
      for (const { head } of listed.value) {
        if (this.followed.has(head.id)) continue;
        const entered = noted(
          await connection.call({ type: 'session-enter', session_id: head.id, after_seq: 0 }, EnteredSession),
        );
        if (entered.ok && entered.value.head.id === head.id) await this.take(connection, entered.value, url);
      }
    }
    if (isHome) this.homeListed = listed.ok;
    this.options.onListChanged();
    return isComplete;
  }
}

function notConnected(): { readonly ok: false; readonly error: Failure } {
  return nodeFailure('not-connected', 'The coordinator that hosts the session cannot be reached at the moment.', {
    retryable: true,
    suggestion: 'What you write waits here and is sent when it is back.',
  });
}

function unknown(): { readonly ok: false; readonly error: Failure } {
  return nodeFailure('input-invalid', 'There is no such session on this computer.');
}
