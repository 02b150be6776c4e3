import { create } from 'zustand';
import type { SessionDeepLink, SessionListView, SessionUpdate, SessionView, TurnFile } from '../../contract';
import type { Failure } from '../../protocol/result';
import { aimDraft, draftAfterPost, EMPTY_DRAFT, withFiles, type SessionDraft, type TurnTarget } from './session-draft';
import { callTore } from './tore-api';

/** A signed agreement, and what to call it. */
export interface AgreementText {
  readonly name: string;
  readonly text: string;
}

interface SessionsStore {
  /** Null until main has answered once. */
  readonly list: SessionListView | null;
  readonly openId: string | null;
  /** The open session; null while it is read. */
  readonly view: SessionView | null;
  readonly failure: Failure | null;
  /** A link to a session that was opened from outside; joining it asks first. */
  readonly openedLink: string | null;
  /** A signed agreement under which a session is to be opened. */
  readonly newUnder: AgreementText | null;
  /** Turns begun and not posted, by session. */
  readonly drafts: Readonly<Record<string, SessionDraft>>;
}

export const useSessionsStore = create<SessionsStore>(() => ({
  list: null,
  openId: null,
  view: null,
  failure: null,
  openedLink: null,
  newUnder: null,
  drafts: {},
}));

/** Puts an update on a view; null when turns are missing in between and all has to be read again. */
export function applyUpdate(view: SessionView, update: SessionUpdate): SessionView | null {
  const state = update.state ?? view.state;
  const [first] = update.turns;
  if (first === undefined) return { ...view, state };
  if (first.seq > view.turns.length + 1) return null;
  return { state, turns: [...view.turns.slice(0, first.seq - 1), ...update.turns] };
}

/** Reads the open session from main, again if need be. */
export async function fetchSession(sessionId: string): Promise<void> {
  const result = await callTore('sessions:get', { sessionId });
  if (useSessionsStore.getState().openId !== sessionId) return;
  useSessionsStore.setState(result.ok ? { view: result.value, failure: null } : { view: null, failure: result.error });
}

export function keepSession(view: SessionView): void {
  useSessionsStore.setState({ openId: view.state.head.id, view, failure: null });
}

/** Takes a link that was opened from outside: shows the session when it is here already, else offers to join it. */
export async function takeSessionLink({ sessionId, link }: SessionDeepLink): Promise<void> {
  const result = useSessionsStore.getState().list === null ? await callTore('sessions:list', null) : null;
  if (result?.ok === true) useSessionsStore.setState({ list: result.value });
  const here = useSessionsStore.getState().list?.sessions.find(({ id }) => id === sessionId);
  if (here !== undefined && here.ended === null) openSession(sessionId);
  else useSessionsStore.setState({ openedLink: link });
}

/** Offers to join the session of a link. */
export function askToJoin(link: string): void {
  useSessionsStore.setState({ openedLink: link });
}

/** Begins a session under an agreement, or with null no longer. */
export function beginUnder(newUnder: AgreementText | null): void {
  useSessionsStore.setState({ newUnder });
}

export function forgetSessionLink(): void {
  useSessionsStore.setState({ openedLink: null });
}

/** Opens a session, or with null none. */
export function openSession(sessionId: string | null): void {
  useSessionsStore.setState({ openId: sessionId, view: null, failure: null });
  if (sessionId !== null) void fetchSession(sessionId);
}

function draftOf(sessionId: string): SessionDraft {
  return useSessionsStore.getState().drafts[sessionId] ?? EMPTY_DRAFT;
}

function setDraft(sessionId: string, draft: SessionDraft): void {
  useSessionsStore.setState(({ drafts }) => ({ drafts: { ...drafts, [sessionId]: draft } }));
}

/** Changes the text or the files of the turn that is being written. */
export function changeSessionDraft(sessionId: string, change: Partial<Pick<SessionDraft, 'text' | 'files'>>): void {
  setDraft(sessionId, { ...draftOf(sessionId), ...change });
}

/** Makes the turn that is being written a reply or an edit, or with null neither. */
export function aimSessionDraft(sessionId: string, target: TurnTarget | null): void {
  setDraft(sessionId, aimDraft(draftOf(sessionId), target));
}

/** Adds files to the turn that is being written; returns how many it does not take. */
export function addSessionFiles(sessionId: string, files: readonly TurnFile[]): number {
  const { draft, leftOut } = withFiles(draftOf(sessionId), files);
  setDraft(sessionId, draft);
  return leftOut;
}

/** A state of the turn that is being written was posted. */
export function endSessionDraft(sessionId: string, posted: SessionDraft): void {
  setDraft(sessionId, draftAfterPost(draftOf(sessionId), posted));
}

/** Follows main's events; returns the function that ends it. */
export function startSessionsStore(): () => void {
  const ends = [
    window.tore.on('sessions-changed', (list) => useSessionsStore.setState({ list })),
    window.tore.on('session-updated', (update) => {
      const { openId, view } = useSessionsStore.getState();
      if (openId !== update.sessionId || view === null) return;
      const next = applyUpdate(view, update);
      if (next === null) void fetchSession(update.sessionId);
      else useSessionsStore.setState({ view: next });
    }),
  ];
  void callTore('sessions:list', null).then((result) => {
    useSessionsStore.setState(result.ok ? { list: result.value } : { failure: result.error });
  });
  return () => ends.forEach((end) => end());
}
