import { readFile, stat } from 'node:fs/promises';
import type { AppEvent } from '../../../contract/snapshot';
import type { RecordView, TrustConnection, TrustView } from '../../../contract/trust';
import { nodeCryptography } from '../../../keys/ed25519';
import type { NodeLogger } from '../../../node';
import { DOCUMENT_KINDS, readDocument, readJson } from '../../../protocol/documents/read-document';
import { writeDocument } from '../../../protocol/documents/write-document';
import { failure, success, type Result } from '../../../protocol/result';
import type { MessageWriter } from '../../../protocol/trust/compose-message';
import type { HandshakeMessage } from '../../../protocol/trust/handshake-message';
import { signStatement } from '../../../protocol/trust/statement';
import { readTermination, type TerminationNotice } from '../../../protocol/trust/termination';
import { mainFailure, reasonOf } from '../../errors';
import { writeFileAtomically } from '../../storage/atomic-file';
import type { DialogTitle } from '../../texts/texts';
import type { Log } from '../log';
import type { ContributorPort, CoordinatorTarget } from '../node-service';
import type { SecretVault } from '../secret-vault';
import { isoTime, type Timers } from '../timers';
import { AgreementShelf, agreementView } from './agreement-shelf';
import { DiscoveryService } from './discovery-service';
import { HandshakeBook, type KeptHandshake } from './handshake-book';
import { HandshakeMail } from './handshake-mail';
import { HandshakeService } from './handshake-service';
import { handshakeSummary } from './handshake-views';
import { PartyKey } from './party-key';
import { PartyConnection } from './trust-connection';
import { TrustFolder, type AgreementFile, type StateFile } from './trust-folder';
import { Turns } from './turns';

/** Changes that come close together are one for the window. */
const CHANGE_CALM_MS = 50;
/** How often it is looked whether the own record runs out. */
const RENEWAL_CHECK_MS = 3_600_000;
/** No record, agreement or backup of a key is larger. */
const MAX_IMPORT_BYTES = 4 * 1024 * 1024;
const EVERYBODY_READS = 0o644;
/** Inboxes whose last position is kept; one that was read longest ago would be read from its beginning. */
const MAX_INBOXES = 200;

/** The system's file dialogs; nothing when the person closed them. */
export interface TrustDialogs {
  saveFile(title: DialogTitle, suggestedName: string, ending: string): Promise<string | null>;
  open(title: DialogTitle, what: 'file'): Promise<readonly string[]>;
}

export interface TrustOptions {
  readonly folder: string;
  readonly vault: SecretVault;
  readonly node: Pick<ContributorPort, 'generate'>;
  /** Public key of the computer's node, which an agreement lets in together with the party. */
  readonly nodeKey: () => string | null;
  readonly dialogs: TrustDialogs;
  readonly onChange: () => void;
  readonly addEvent: (kind: AppEvent['kind'], text: string) => void;
  readonly timers: Timers;
  readonly log: Log;
  readonly nodeLog: NodeLogger;
}

/** The notice in a file that ends an agreement; null for anything else, an agreement for one. */
function terminationIn(text: string): TerminationNotice | null {
  const json = readJson(text);
  const read = json.ok ? readTermination(json.value, nodeCryptography) : json;
  return read.ok ? read.value : null;
}

/** Sentences for the list of recent events. */
function eventText({ content, from }: HandshakeMessage): string | null {
  switch (content.kind) {
    case 'propose':
      return `${from.name} proposes a handshake.`;
    case 'join':
      return `${from.name} joined the handshake.`;
    case 'challenge':
      return `${from.name} sent a challenge.`;
    case 'response':
      return `${from.name} answered a challenge.`;
    case 'decide':
      return `${from.name} has decided.`;
    case 'withdraw':
      return `${from.name} withdrew from the handshake.`;
    case 'agreement':
      return `${from.name} sent a signed agreement.`;
    case 'terminate':
      return `${from.name} ended an agreement.`;
  }
}

/** Keys, discovery, handshakes and agreements of this app's party, put together. */
export class TrustFeature {
  readonly key: PartyKey;
  readonly discovery: DiscoveryService;
  readonly handshakes: HandshakeService;
  readonly #options: TrustOptions;
  readonly #folder: TrustFolder;
  readonly #book: HandshakeBook;
  readonly #shelf: AgreementShelf;
  readonly #mail: HandshakeMail;
  readonly #connection: PartyConnection;
  #state: StateFile = { version: 1, record: null, published: false, positions: {} };
  #connectionState: TrustConnection = { kind: 'none' };
  #cancelChange: (() => void) | null = null;
  readonly #turns = new Turns();
  readonly #announcements = new Turns();
  #nextAnnouncement: Promise<void> | null = null;
  readonly #endRenewal: () => void;

  private constructor(options: TrustOptions) {
    this.#options = options;
    const { timers, log } = options;
    const writer = () => this.#writer();
    const connection = () => this.#connection.current();
    const onChange = (): void => this.#changed();
    this.#folder = new TrustFolder(options.folder, () => timers.now(), log);
    this.#book = new HandshakeBook(this.#folder, timers, log);
    this.#shelf = new AgreementShelf(this.#folder);
    this.key = new PartyKey(options.vault, timers, () => {
      this.#connection.restart();
      this.#changed();
    });
    this.#connection = new PartyConnection({
      writer,
      onInbox: () => void this.#sync(),
      onState: (state) => {
        this.#connectionState = state;
        this.#changed();
        if (state.kind === 'connected') void this.discovery.renew();
      },
      timers,
      log: options.nodeLog,
    });
    this.#mail = new HandshakeMail({
      book: this.#book,
      connection,
      writer,
      position: (place) => this.#state.positions[place] ?? 0,
      keepPosition: async (place, position) => {
        const others = Object.entries(this.#state.positions).filter(([one]) => one !== place);
        const kept = [...others, [place, position] as const].slice(-MAX_INBOXES);
        await this.#keep({ positions: Object.fromEntries(kept) });
      },
      onReceived: (message, kept) => this.#received(message, kept),
      onTakenBack: (error) => options.addEvent('error', `A handshake message was not sent: ${error.message}`),
      onChange,
      timers,
      log,
    });
    this.handshakes = new HandshakeService({
      book: this.#book,
      shelf: this.#shelf,
      mail: this.#mail,
      writer,
      node: options.node,
      onEnded: () => void this.#announceEnds(),
      onChange,
      timers,
    });
    this.discovery = new DiscoveryService({
      writer,
      connection,
      state: () => this.#state,
      keep: (change) => this.#keep(change),
      onChange,
      timers,
    });
    this.#endRenewal = timers.every(RENEWAL_CHECK_MS, () => void this.discovery.renew());
  }

  /** Reads what is kept. A key that cannot be read is reported; the rest works for looking. */
  static async start(options: TrustOptions): Promise<TrustFeature> {
    const feature = new TrustFeature(options);
    await feature.#folder.open();
    feature.#state = await feature.#folder.state();
    await feature.#shelf.load();
    await feature.#book.load();
    const loaded = feature.key.load();
    if (!loaded.ok) options.addEvent('error', loaded.error.message);
    return feature;
  }

  setTarget(target: CoordinatorTarget): void {
    this.#connection.setTarget(target);
  }

  view(): TrustView {
    const nowMs = this.#options.timers.now();
    const nodeId = this.key.writer()?.nodeId ?? null;
    return {
      key: this.key.view(),
      connection: this.#connectionState,
      ownRecord: this.discovery.own(),
      handshakes: this.#book
        .all()
        .map((kept) => handshakeSummary(kept, nowMs))
        .sort((left, right) => right.updatedAt.localeCompare(left.updatedAt)),
      agreements: this.#shelf.all().map((file) => agreementView(file, nodeId, nowMs)),
    };
  }

  async backUpKey(passphrase: string): Promise<Result<{ readonly path: string } | null>> {
    const text = await this.key.backup(passphrase);
    if (!text.ok) return text;
    const saved = await this.#save('party-key.tore-key.json', text.value, 'The backup', 0o600);
    if (!saved.ok || saved.value === null) return saved;
    const noted = await this.key.noteBackup();
    return noted.ok ? saved : noted;
  }

  async restoreKey(passphrase: string): Promise<Result<{ readonly restored: boolean }>> {
    const text = await this.#openFile('keyBackup');
    if (!text.ok) return text;
    if (text.value === null) return success({ restored: false });
    const restored = await this.key.restoreFile(text.value, passphrase);
    return restored.ok ? success({ restored: true }) : restored;
  }

  /** Saves the links of a replaced key, for whoever checks documents signed by an earlier one. */
  async exportLinks(): Promise<Result<{ readonly path: string } | null>> {
    const links = this.key.writer()?.keyLinks ?? [];
    return this.#save('key-links.tore2-key-links.json', `${JSON.stringify(links, null, 2)}\n`, 'The key links');
  }

  async exportRecord(): Promise<Result<{ readonly path: string } | null>> {
    const { record } = this.#state;
    if (record === null) return failure('record-missing', 'There is no record of this party.');
    const text = writeDocument(record);
    return text.ok ? this.#save(`record${DOCUMENT_KINDS.discovery.endings[0] ?? ''}`, text.value, 'The record') : text;
  }

  async importRecord(): Promise<Result<RecordView | null>> {
    const text = await this.#openFile('record');
    if (!text.ok || text.value === null) return text.ok ? success(null) : text;
    const read = readDocument(text.value, { expected: 'discovery', maxBytes: MAX_IMPORT_BYTES });
    if (!read.ok) return read;
    return read.value.kind === 'discovery' ? success(this.discovery.view(read.value.document)) : success(null);
  }

  agreementText(agreementId: string): Result<{ readonly text: string }> {
    const file = this.#shelf.find(agreementId);
    if (!file.ok) return file;
    const text = writeDocument(file.value.agreement);
    return text.ok ? success({ text: text.value }) : text;
  }

  async exportAgreement(agreementId: string): Promise<Result<{ readonly path: string } | null>> {
    const file = this.agreementText(agreementId);
    if (!file.ok) return file;
    const ending = DOCUMENT_KINDS.agreement.endings[0] ?? '';
    return this.#save(`agreement-${agreementId.slice(0, 8)}${ending}`, file.value.text, 'The agreement');
  }

  /** Saves the notice that ended an agreement, for whoever cannot be told over a coordinator. */
  async exportTermination(agreementId: string): Promise<Result<{ readonly path: string } | null>> {
    const file = this.#shelf.find(agreementId);
    if (!file.ok) return file;
    const [notice] = file.value.terminations;
    if (notice === undefined) return failure('termination-missing', 'Nobody has ended this agreement.');
    const name = `agreement-${agreementId.slice(0, 8)}-ended.json`;
    return this.#save(name, `${JSON.stringify(notice, null, 2)}\n`, 'The end of the agreement');
  }

  /** Takes a file: an agreement, or the notice that ends one which is here. */
  async importAgreement(): Promise<Result<ReturnType<typeof agreementView> | null>> {
    const text = await this.#openFile('agreement');
    if (!text.ok || text.value === null) return text.ok ? success(null) : text;
    const notice = terminationIn(text.value);
    const taken = notice === null ? await this.#takeAgreement(text.value) : await this.#shelf.terminate(notice);
    if (!taken.ok) return taken;
    if (notice !== null) void this.#announceEnds();
    this.#changed();
    return success(agreementView(taken.value, this.key.writer()?.nodeId ?? null, this.#options.timers.now()));
  }

  /** Shows an agreement to the coordinator of an institution, which then lets this party and its computer in. */
  async showAgreement(agreementId: string): Promise<Result<{ readonly expiresAt: string | null }>> {
    const writer = this.#writer();
    const [file, connected] = [this.#shelf.find(agreementId), this.#connection.current()];
    if (!file.ok) return file;
    if (!connected.ok) return connected;
    if (writer === null) return failure('party-key-missing', 'This needs a key of your own.');
    const request = {
      tore_spec: 'tore-0002',
      type: 'membership-request',
      coordinator_id: connected.value.coordinatorId,
      node_id: writer.nodeId,
      public_key: writer.signer.publicKey,
      ...(writer.keyLinks.length === 0 ? {} : { key_links: writer.keyLinks }),
      agreement: file.value.agreement,
      member_keys: writer.memberKeys ?? [],
      issued_at: isoTime(this.#options.timers.now()),
    };
    const signed = signStatement(request, writer.signer, nodeCryptography);
    const shown = await connected.value.client.showAgreement(signed);
    if (!shown.ok) return shown;
    this.#connection.restart();
    return success({ expiresAt: shown.value.expires_at });
  }

  async close(): Promise<void> {
    this.#endRenewal();
    this.#cancelChange?.();
    this.#connection.close();
    await this.#mail.settled();
    await this.#announcements.settled();
  }

  async #takeAgreement(text: string): Promise<Result<AgreementFile>> {
    const read = readDocument(text, { expected: 'agreement', maxBytes: MAX_IMPORT_BYTES });
    if (!read.ok) return read;
    if (read.value.kind !== 'agreement') return mainFailure('file-invalid', 'This file holds no agreement.');
    return this.#shelf.take(read.value.document, null);
  }

  /**
   * Tells the coordinator of agreements that have ended, so that they let nobody in any more. One that was never shown
   * an agreement does not take its end; it is asked again, since the other party may show it later.
   */
  #announceEnds(): Promise<void> {
    this.#nextAnnouncement ??= this.#announcements.run(async () => {
      this.#nextAnnouncement = null;
      const connected = this.#connection.current();
      if (!connected.ok) return;
      const { client, place } = connected.value;
      for (const notice of this.#shelf.unannounced(place)) {
        const told = await client.endAgreement(notice);
        if (told.ok) await this.#shelf.noteAnnounced(place, notice);
        else this.#options.log.debug({ code: told.error.code }, 'the end of an agreement was not taken');
      }
    });
    return this.#nextAnnouncement;
  }

  /** The party with the keys that act in its name: of this computer, which takes part in sessions and works, and of its coordinator. */
  #writer(): MessageWriter | null {
    const [writer, nodeKey] = [this.key.writer(), this.#options.nodeKey()];
    return writer === null || nodeKey === null ? writer : { ...writer, memberKeys: [nodeKey, ...writer.memberKeys] };
  }

  async #sync(): Promise<void> {
    await Promise.all([this.#mail.sync(), this.#announceEnds()]);
  }

  async #received(message: HandshakeMessage, kept: KeptHandshake): Promise<void> {
    await this.handshakes.received(message, kept);
    const text = eventText(message);
    if (text !== null) this.#options.addEvent('notice', text);
  }

  #keep(change: Partial<StateFile>): Promise<Result<void>> {
    return this.#turns.run(async () => {
      const next = { ...this.#state, ...change };
      const saved = await this.#folder.saveState(next);
      if (saved.ok) this.#state = next;
      return saved;
    });
  }

  #changed(): void {
    this.#cancelChange ??= this.#options.timers.after(CHANGE_CALM_MS, () => {
      this.#cancelChange = null;
      this.#options.onChange();
    });
  }

  async #save(
    name: string,
    text: string,
    what: string,
    mode = EVERYBODY_READS,
  ): Promise<Result<{ readonly path: string } | null>> {
    const path = await this.#options.dialogs.saveFile('export', name, 'json');
    if (path === null) return success(null);
    const written = await writeFileAtomically(path, text, what, mode);
    return written.ok ? success({ path }) : written;
  }

  async #openFile(title: DialogTitle): Promise<Result<string | null>> {
    const [path] = await this.#options.dialogs.open(title, 'file');
    if (path === undefined) return success(null);
    try {
      const { size } = await stat(path);
      if (size > MAX_IMPORT_BYTES)
        return mainFailure('file-invalid', 'This file is far too large for what was wanted.');
      return success(await readFile(path, 'utf8'));
    } catch (thrown) {
      return mainFailure('file-invalid', `The file could not be read: ${reasonOf(thrown)}.`);
    }
  }
}
