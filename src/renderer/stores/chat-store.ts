import { create } from 'zustand';
import type { ChatDelta, ConversationView } from '../../contract';
import type { Failure } from '../../protocol/result';
import { applyDelta } from './chat-replica';
import { callTore } from './tore-api';

/** Key of the draft of a conversation that does not exist yet. */
export const NEW_CONVERSATION = 'new';

interface ChatStore {
  /** Conversations that were opened in this window. */
  readonly views: Readonly<Record<string, ConversationView>>;
  /** Why a conversation could not be read. */
  readonly failures: Readonly<Record<string, Failure>>;
  /** Text typed and not sent, by conversation. */
  readonly drafts: Readonly<Record<string, string>>;
  readonly openId: string | null;
  /** The model chosen in Chat; null leaves the choice to what is served. */
  readonly pickedModelId: string | null;
}

export const useChatStore = create<ChatStore>(() => ({
  views: {},
  failures: {},
  drafts: {},
  openId: null,
  pickedModelId: null,
}));

/** Conversations being fetched, with the text that arrived meanwhile. */
const fetching = new Map<string, ChatDelta[]>();

function without<Value>(record: Readonly<Record<string, Value>>, key: string): Record<string, Value> {
  return Object.fromEntries(Object.entries(record).filter(([name]) => name !== key));
}

/** Puts a conversation as main knows it in place of the copy. */
export function keepConversation(view: ConversationView): void {
  useChatStore.setState(({ views, failures }) => ({
    views: { ...views, [view.id]: view },
    failures: without(failures, view.id),
  }));
}

/** Reads a conversation from main, again if need be. */
export async function fetchConversation(conversationId: string): Promise<void> {
  if (fetching.has(conversationId)) return;
  fetching.set(conversationId, []);
  const result = await callTore('chat:get', { conversationId });
  const waiting = fetching.get(conversationId) ?? [];
  fetching.delete(conversationId);
  if (!result.ok) {
    useChatStore.setState(({ failures }) => ({ failures: { ...failures, [conversationId]: result.error } }));
    return;
  }
  keepConversation(result.value);
  waiting.forEach(takeDelta);
}

function takeDelta(delta: ChatDelta): void {
  const held = fetching.get(delta.conversationId);
  if (held !== undefined) {
    held.push(delta);
    return;
  }
  const view = useChatStore.getState().views[delta.conversationId];
  if (view === undefined) return;
  const outcome = applyDelta(view, delta);
  if (outcome.kind === 'applied') keepConversation(outcome.view);
  else if (outcome.kind === 'gap') void fetchConversation(delta.conversationId);
}

/** Opens a conversation, or with null the empty page for a new one. */
export function openConversation(conversationId: string | null): void {
  useChatStore.setState({ openId: conversationId });
  if (conversationId !== null && useChatStore.getState().views[conversationId] === undefined) {
    void fetchConversation(conversationId);
  }
}

export function pickModel(pickedModelId: string | null): void {
  useChatStore.setState({ pickedModelId });
}

export function setDraft(key: string, text: string): void {
  useChatStore.setState(({ drafts }) => ({ drafts: { ...drafts, [key]: text } }));
}

/** Forgets a deleted conversation. */
export function forgetConversation(conversationId: string): void {
  useChatStore.setState(({ views, failures, drafts, openId }) => ({
    views: without(views, conversationId),
    failures: without(failures, conversationId),
    drafts: without(drafts, conversationId),
    openId: openId === conversationId ? null : openId,
  }));
}

/** Follows main's chat events; returns the function that ends it. */
export function startChatStore(): () => void {
  const ends = [
    window.tore.on('chat-delta-arrived', takeDelta),
    window.tore.on('conversation-changed', (view) => {
      // Only what is on show here is kept; the rest is read when it is opened.
      if (useChatStore.getState().views[view.id] !== undefined || useChatStore.getState().openId === view.id) {
        keepConversation(view);
      }
    }),
  ];
  return () => ends.forEach((end) => end());
}
