import { createHash } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { success, type Result } from '../../../protocol/result';
import { Agreement } from '../../../protocol/trust/agreement';
import { DiscoveryRecord } from '../../../protocol/trust/discovery';
import { HandshakeMessage } from '../../../protocol/trust/handshake-message';
import { TerminationNotice } from '../../../protocol/trust/termination';
import { mainFailure, type MainErrorCode } from '../../errors';
import { TEMPORARY_ENDING, writeFileAtomically } from '../../storage/atomic-file';
import { keepBrokenFile, readJsonDocument } from '../../storage/json-document';
import type { Log } from '../log';

/** A handshake with 4,000 messages of the largest size would be larger than anybody can read. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;

const Side = Type.Union([Type.Literal('proposer'), Type.Literal('responder')]);
const Text = Type.String({ maxLength: 60_000 });

/** A handshake on disk: the signed messages of both sides, and what stays private. The state follows from the messages. */
const HandshakeFile = Type.Object({
  version: Type.Literal(1),
  id: Type.String({ maxLength: 200 }),
  ownSide: Side,
  proposer: Type.Array(HandshakeMessage),
  responder: Type.Array(HandshakeMessage),
  /** Own messages the coordinator has. */
  sentThrough: Type.Integer({ minimum: 0 }),
  /** Messages of the other side that were looked at. */
  readThrough: Type.Integer({ minimum: 0 }),
  updatedAt: Type.String({ maxLength: 64 }),
  note: Text,
  notes: Type.Record(Type.String(), Text),
  verdicts: Type.Record(Type.String(), Type.Union([Type.Literal('accepted'), Type.Literal('rejected')])),
});
export type HandshakeFile = Static<typeof HandshakeFile>;

const AgreementFile = Type.Object({
  version: Type.Literal(1),
  agreement: Agreement,
  /** By which handshake it came; null for an imported one. */
  handshakeId: Type.Union([Type.String({ maxLength: 200 }), Type.Null()]),
  terminations: Type.Array(TerminationNotice),
  /** Terminations a coordinator has taken, as `<SHA-256 of its address and id> <notice id>`. */
  announced: Type.Optional(Type.Array(Type.String({ maxLength: 500 }))),
});
export type AgreementFile = Static<typeof AgreementFile>;

const StateFile = Type.Object({
  version: Type.Literal(1),
  record: Type.Union([DiscoveryRecord, Type.Null()]),
  published: Type.Boolean(),
  /** Last position read in each inbox, by address and id of its coordinator; that of the own one by its id. */
  positions: Type.Record(Type.String(), Type.Integer({ minimum: 0 })),
});
export type StateFile = Static<typeof StateFile>;

const EMPTY_STATE: StateFile = { version: 1, record: null, published: false, positions: {} };

interface Form<Value> {
  Check(value: unknown): value is Value;
}
const handshakeForm = Compile(HandshakeFile);
const agreementForm = Compile(AgreementFile);
const stateForm = Compile(StateFile);

/** Handshakes, agreements and the own record in the app's data folder, readable by this user alone. */
export class TrustFolder {
  readonly #folder: string;
  readonly #log: Log;
  readonly #nowMs: () => number;

  constructor(folder: string, nowMs: () => number, log: Log) {
    this.#folder = folder;
    this.#nowMs = nowMs;
    this.#log = log;
  }

  async open(): Promise<void> {
    for (const part of ['handshakes', 'agreements']) {
      await mkdir(join(this.#folder, part), { recursive: true, mode: 0o700 });
    }
  }

  handshakes(): Promise<HandshakeFile[]> {
    return this.#readAll('handshakes', handshakeForm);
  }

  agreements(): Promise<AgreementFile[]> {
    return this.#readAll('agreements', agreementForm);
  }

  async state(): Promise<StateFile> {
    return (await this.#read(join(this.#folder, 'state.json'), stateForm)) ?? EMPTY_STATE;
  }

  saveHandshake(file: HandshakeFile): Promise<Result<void, MainErrorCode>> {
    return this.#write(join('handshakes', fileNameOf(file.id)), file, 'The handshake');
  }

  saveAgreement(file: AgreementFile): Promise<Result<void, MainErrorCode>> {
    return this.#write(join('agreements', fileNameOf(file.agreement.id)), file, 'The agreement');
  }

  saveState(file: StateFile): Promise<Result<void, MainErrorCode>> {
    return this.#write('state.json', file, 'The record');
  }

  async removeHandshake(id: string): Promise<void> {
    await rm(join(this.#folder, 'handshakes', fileNameOf(id)), { force: true });
  }

  async #readAll<Value>(part: string, form: Form<Value>): Promise<Value[]> {
    const folder = join(this.#folder, part);
    const values: Value[] = [];
    for (const name of (await readdir(folder)).sort()) {
      if (name.endsWith(TEMPORARY_ENDING)) await rm(join(folder, name), { force: true });
      const value =
        name.endsWith('.json') && !name.includes('.broken-') ? await this.#read(join(folder, name), form) : null;
      if (value !== null) values.push(value);
    }
    return values;
  }

  async #read<Value>(path: string, form: Form<Value>): Promise<Value | null> {
    const reading = await readJsonDocument(path, MAX_FILE_BYTES);
    if (reading.kind === 'absent') return null;
    if (reading.kind === 'read' && form.Check(reading.value)) return reading.value;
    const kept = await keepBrokenFile(path, this.#nowMs());
    this.#log.warn({ kept }, 'a file of a handshake or an agreement cannot be used and was kept aside');
    return null;
  }

  async #write(name: string, value: unknown, what: string): Promise<Result<void, MainErrorCode>> {
    const bytes = Buffer.from(`${JSON.stringify(value)}\n`);
    if (bytes.length > MAX_FILE_BYTES) {
      return mainFailure('file-invalid', `${what} would become too large to be read again; it was left as it is.`);
    }
    const written = await writeFileAtomically(join(this.#folder, name), bytes, what);
    return written.ok ? success(undefined) : written;
  }
}

/** Ids come from others and name no path here. */
function fileNameOf(id: string): string {
  return `${createHash('sha256').update(id).digest('hex').slice(0, 40)}.json`;
}
