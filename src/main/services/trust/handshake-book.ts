import { nodeCryptography } from '../../../keys/ed25519';
import { failure, success, type Result } from '../../../protocol/result';
import { advanceHandshake } from '../../../protocol/trust/advance-handshake';
import { composeMessage, composeProposal, type MessageWriter } from '../../../protocol/trust/compose-message';
import {
  challengeTimes,
  FINAL_PHASES,
  handshakePhase,
  otherSide,
  type Handshake,
  type Side,
} from '../../../protocol/trust/handshake';
import type { HandshakeContent, HandshakeMessage } from '../../../protocol/trust/handshake-message';
import type { Log } from '../log';
import { isoTime, type Timers } from '../timers';
import type { HandshakeFile, TrustFolder } from './trust-folder';
import { Turns } from './turns';

/** Handshakes kept; a stranger's proposals above this are not taken while the rest stays. */
const MAX_HANDSHAKES = 2_000;
/** Characters of all proposals this side has not answered: hundreds of them, and few enough to hold in memory. */
const MAX_UNANSWERED_CHARACTERS = 64 * 1024 * 1024;

/** A handshake with what this computer keeps about it. */
export interface KeptHandshake {
  readonly state: Handshake;
  readonly file: HandshakeFile;
}

/** What the parties of a handshake said, as files; every change is on disk before it counts. */
export class HandshakeBook {
  readonly #folder: TrustFolder;
  readonly #timers: Timers;
  readonly #log: Log;
  readonly #kept = new Map<string, KeptHandshake>();
  readonly #turns = new Turns();
  /** Characters of each handshake this side has not answered. */
  readonly #unanswered = new Map<string, number>();
  readonly #maxUnanswered: number;

  constructor(folder: TrustFolder, timers: Timers, log: Log, maxUnanswered = MAX_UNANSWERED_CHARACTERS) {
    this.#folder = folder;
    this.#timers = timers;
    this.#log = log;
    this.#maxUnanswered = maxUnanswered;
  }

  /** Reads every handshake and follows its messages again. */
  async load(): Promise<void> {
    for (const file of await this.#folder.handshakes()) {
      const state = replay(file);
      if (state === null) this.#log.warn({}, 'a handshake on disk does not follow from its messages and is left out');
      else this.#hold({ state, file });
    }
  }

  all(): readonly KeptHandshake[] {
    return [...this.#kept.values()];
  }

  find(id: string): Result<KeptHandshake> {
    const kept = this.#kept.get(id);
    return kept === undefined ? failure('handshake-unknown', 'This handshake is not on this computer.') : success(kept);
  }

  /** Begins a handshake. The proposal is kept and waits to be sent. */
  propose(
    id: string,
    to: HandshakeMessage['to'],
    writer: MessageWriter,
    content: HandshakeContent,
  ): Promise<Result<KeptHandshake>> {
    return this.#turns.run(async () => {
      const composed = composeProposal(id, to, { writer, content, nowMs: this.#timers.now() }, nodeCryptography);
      if (!composed.ok) return composed;
      const file = this.#newFile(id, 'proposer', composed.value.message);
      return this.#keep({ state: composed.value.handshake, file });
    });
  }

  /** Writes the next message of this side. It is kept and waits to be sent. */
  write(id: string, writer: MessageWriter, content: HandshakeContent): Promise<Result<KeptHandshake>> {
    return this.#turns.run(async () => {
      const kept = this.find(id);
      if (!kept.ok) return kept;
      const { state, file } = kept.value;
      const draft = { writer, content, nowMs: this.#timers.now() };
      const otherChallengesMs = this.#challengesElsewhere(state, file.ownSide);
      const composed = composeMessage(state, draft, nodeCryptography, { otherChallengesMs });
      if (!composed.ok) return composed;
      const messages = [...file[file.ownSide], composed.value.message];
      return this.#keep({
        state: composed.value.handshake,
        file: this.#touched({ ...file, [file.ownSide]: messages }),
      });
    });
  }

  /** Takes a verified message of the other side. */
  take(message: HandshakeMessage): Promise<Result<KeptHandshake>> {
    return this.#turns.run(async () => {
      const kept = this.#kept.get(message.handshake_id) ?? null;
      if (kept === null) await this.#makeRoomFor(message);
      if (kept === null && this.#kept.size >= MAX_HANDSHAKES) {
        return failure('handshakes-full', `More than ${MAX_HANDSHAKES} handshakes are on this computer.`);
      }
      if (kept === null && !this.#hasRoomFor(message)) {
        return failure('handshakes-full', 'The proposals on this computer that wait for an answer are too large.');
      }
      const from: Side = kept === null ? 'proposer' : otherSide(kept.file.ownSide);
      const otherChallengesMs = kept === null ? [] : this.#challengesElsewhere(kept.state, from);
      const state = advanceHandshake(kept?.state ?? null, message, nodeCryptography, { otherChallengesMs });
      if (!state.ok) return state;
      if (kept === null)
        return this.#keep({ state: state.value, file: this.#newFile(message.handshake_id, 'responder', message) });
      const { file } = kept;
      // Own messages come from this computer alone.
      if (state.value.log[from].length === kept.state.log[from].length) {
        return failure('wrongly-addressed', 'The message says it was written here.');
      }
      // What the other side has seen was sent, whatever the coordinator said of it.
      const sentThrough = Math.max(file.sentThrough, message.seen);
      const taken = this.#touched({ ...file, [from]: [...file[from], message], sentThrough });
      return this.#keep({ state: state.value, file: taken });
    });
  }

  /** Own messages the coordinator does not have yet, oldest first. */
  unsent(id: string): readonly HandshakeMessage[] {
    const kept = this.#kept.get(id);
    return kept === undefined ? [] : kept.file[kept.file.ownSide].slice(kept.file.sentThrough);
  }

  noteSent(id: string): Promise<Result<KeptHandshake>> {
    return this.change(id, (file) => ({ ...file, sentThrough: file.sentThrough + 1 }));
  }

  /** Takes back what was not sent, because the coordinator will not take it: nobody has seen it. */
  takeBack(id: string): Promise<Result<void>> {
    return this.#turns.run(async () => {
      const kept = this.find(id);
      if (!kept.ok) return kept;
      const { file } = kept.value;
      const rest = { ...file, [file.ownSide]: file[file.ownSide].slice(0, file.sentThrough) };
      if (rest.proposer.length === 0 && rest.responder.length === 0) {
        // Not even the proposal was sent.
        await this.#forget(id);
        return success(undefined);
      }
      const state = replay(rest);
      if (state === null) return failure('message-conflict', 'The other party has seen what was to be taken back.');
      const saved = await this.#keep({ state, file: this.#touched(rest) });
      return saved.ok ? success(undefined) : saved;
    });
  }

  /** Changes what is kept beside the messages: notes, verdicts, what was read. */
  change(id: string, change: (file: HandshakeFile) => HandshakeFile): Promise<Result<KeptHandshake>> {
    return this.#turns.run(async () => {
      const kept = this.find(id);
      return kept.ok ? this.#keep({ state: kept.value.state, file: change(kept.value.file) }) : kept;
    });
  }

  /** Where a handshake stands now. */
  phase({ state }: KeptHandshake): ReturnType<typeof handshakePhase> {
    return handshakePhase(state, this.#timers.now());
  }

  isFinal(kept: KeptHandshake): boolean {
    return FINAL_PHASES.includes(this.phase(kept));
  }

  #challengesElsewhere(state: Handshake, side: Side): number[] {
    const [from, to] = [state.parties[side].nodeId, state.parties[otherSide(side)].nodeId];
    return this.all().flatMap(({ state: other }) => {
      if (other.id === state.id) return [];
      const sides: readonly Side[] = ['proposer', 'responder'];
      return sides.flatMap((one) => {
        const isPair = other.parties[one].nodeId === from && other.parties[otherSide(one)].nodeId === to;
        return isPair ? challengeTimes(other.log[one]) : [];
      });
    });
  }

  #newFile(id: string, ownSide: Side, proposal: HandshakeMessage): HandshakeFile {
    return {
      version: 1,
      id,
      ownSide,
      proposer: [proposal],
      responder: [],
      sentThrough: 0,
      readThrough: 0,
      updatedAt: isoTime(this.#timers.now()),
      note: '',
      notes: {},
      verdicts: {},
    };
  }

  #touched(file: HandshakeFile): HandshakeFile {
    return { ...file, updatedAt: isoTime(this.#timers.now()) };
  }

  async #keep(kept: KeptHandshake): Promise<Result<KeptHandshake>> {
    const saved = await this.#folder.saveHandshake(kept.file);
    if (!saved.ok) return saved;
    this.#hold(kept);
    return success(kept);
  }

  #hold(kept: KeptHandshake): void {
    const { file } = kept;
    this.#kept.set(file.id, kept);
    if (file[file.ownSide].length > 0) this.#unanswered.delete(file.id);
    else this.#unanswered.set(file.id, JSON.stringify(file).length);
  }

  async #forget(id: string): Promise<void> {
    this.#kept.delete(id);
    this.#unanswered.delete(id);
    await this.#folder.removeHandshake(id);
  }

  /** Forgets proposals that were not answered here in their time, where a new one needs their place. */
  async #makeRoomFor(proposal: HandshakeMessage): Promise<void> {
    const nowMs = this.#timers.now();
    for (const id of this.#unanswered.keys()) {
      if (this.#kept.size < MAX_HANDSHAKES && this.#hasRoomFor(proposal)) return;
      const kept = this.#kept.get(id);
      if (kept !== undefined && nowMs >= kept.state.expiresAtMs) await this.#forget(id);
    }
  }

  #hasRoomFor(proposal: HandshakeMessage): boolean {
    const taken = [...this.#unanswered.values()].reduce((sum, length) => sum + length, 0);
    return taken + JSON.stringify(proposal).length <= this.#maxUnanswered;
  }
}

/** The state that follows from the messages of a file, in an order each could come in; null when it does not. */
function replay(file: Pick<HandshakeFile, Side>): Handshake | null {
  let state: Handshake | null = null;
  const next: Record<Side, number> = { proposer: 0, responder: 0 };
  for (;;) {
    const before: Handshake | null = state;
    // Which of two messages came first is not kept: one may use a key that the other made known.
    for (const side of ['proposer', 'responder'] as const) {
      const message = file[side][next[side]];
      if (message === undefined || message.seen > next[otherSide(side)]) continue;
      const advanced = advanceHandshake(state, message, nodeCryptography);
      if (!advanced.ok) continue;
      state = advanced.value;
      next[side] += 1;
      break;
    }
    if (state === before) break;
  }
  return next.proposer === file.proposer.length && next.responder === file.responder.length ? state : null;
}
