import { generateSigner, nodeEd25519, openSigner } from '../../keys/ed25519';
import type { DocumentResult } from '../../protocol/documents/errors';
import {
  DOCUMENT_KINDS,
  readDocument,
  readJson,
  validateDraft,
  type ToreDocument,
} from '../../protocol/documents/read-document';
import { writeDocument } from '../../protocol/documents/write-document';
import { isDocumentReference, type Project } from '../../protocol/project/project';
import type { Signer } from '../../protocol/signing/ed25519';
import { signAgreement, signDiscoveryRecord, signSession } from '../../protocol/signing/sign-document';
import {
  verifyAgreement,
  verifyDiscoveryRecord,
  verifyProject,
  verifySession,
  type Verification,
} from '../../protocol/signing/verify-document';
import { nameOf, problemLines, readBytes, Stop, valid, validBytes, writeResult, type Command } from './command';
import { EXIT, STREAM, type Terminal } from './terminal';
import { linkNotes, readLinks, verifyStatement } from './trust-statements';

async function openKey(path: string | null, terminal: Terminal): Promise<Signer> {
  if (path === null) throw new Stop(EXIT.usage, 'Say which key signs: --key FILE. `tore keygen` makes one.');
  const opened = openSigner(Buffer.from(await readBytes(path, terminal)).toString('utf8'));
  if (!opened.ok) throw new Stop(EXIT.usage, `${path}: ${opened.error.message}`);
  return opened.value;
}

function unsignable(kind: ToreDocument['kind']): never {
  throw new Stop(
    EXIT.usage,
    `A ${DOCUMENT_KINDS[kind].noun} carries no signature; discovery records, agreements and turns of sessions do, also in a project.`,
  );
}

export const sign: Command = {
  usage: 'sign --key KEY FILE [--out FILE]',
  summary: 'Sign a discovery record, an agreement as one of its parties, or the own turns of a session.',
  options: ['key', 'out'],
  files: [1, 1],
  async run({ files: [path = STREAM], text }, terminal) {
    const signer = await openKey(text('key'), terminal);
    const draft = valid(path, validateDraft(valid(path, readJson(await readBytes(path, terminal)))));
    const signed = ((): DocumentResult<ToreDocument['document']> => {
      if (draft.kind === 'discovery') return signDiscoveryRecord(draft.document, signer, nodeEd25519);
      if (draft.kind === 'agreement') return signAgreement(draft.document, signer, nodeEd25519);
      return draft.kind === 'session' ? signSession(draft.document, signer, nodeEd25519) : unsignable(draft.kind);
    })();
    await writeResult(text('out') ?? STREAM, valid(path, writeDocument(valid(path, signed))), terminal);
    terminal.note(`Signed with the key ${nodeEd25519.keyIdOf(signer.publicKey)}.`);
    return EXIT.ok;
  },
};

function verifyRead(read: ToreDocument): DocumentResult<Verification> {
  if (read.kind === 'discovery') return verifyDiscoveryRecord(read.document, nodeEd25519);
  if (read.kind === 'agreement') return verifyAgreement(read.document, nodeEd25519);
  if (read.kind === 'project') return verifyInside(read.document);
  return read.kind === 'session' ? verifySession(read.document, nodeEd25519) : unsignable(read.kind);
}

/** A project is as good as the sessions in it and the agreement beside them. */
function verifyInside(project: Project): DocumentResult<Verification> {
  const sessions = project.sessions ?? [];
  if (sessions.length === 0) return unsignable('project');
  if (sessions.some(isDocumentReference)) {
    throw new Stop(
      EXIT.usage,
      'Sessions of this project stand in files of their own; put it together with `tore merge`.',
    );
  }
  for (const { name, storage, data } of project.attachments) {
    if (!name.endsWith('.tore2-agreement.json') || storage !== 'inline' || typeof data !== 'string') continue;
    const read = readDocument(Buffer.from(data, 'base64'));
    if (!read.ok) return read;
    const verified = verifyRead(read.value);
    if (!verified.ok) return verified;
  }
  return verifyProject(project, nodeEd25519);
}

export const verify: Command = {
  usage: 'verify FILE [--links FILE] [--agreement FILE] [--ledger FILE] [--json]',
  summary:
    'Check the signatures of a document, of key links, a termination or checkpoints of a ledger, without a network.',
  options: ['links', 'agreement', 'ledger'],
  files: [1, 1],
  async run({ files: [path = STREAM], json, text }, terminal) {
    const bytes = await readBytes(path, terminal);
    const statement = await verifyStatement(
      path,
      bytes,
      { agreement: text('agreement'), ledger: text('ledger') },
      terminal,
    );
    if (statement !== null) {
      const { kind, signedBy, sentence } = statement;
      if (json)
        await writeResult(STREAM, `${JSON.stringify({ file: path, verified: true, kind, signedBy })}\n`, terminal);
      else terminal.note(`${nameOf(path)}: ${sentence}`);
      return EXIT.ok;
    }
    const read = validBytes(path, bytes);
    const verified = verifyRead(read);
    const linksPath = text('links');
    const links = linksPath === null ? [] : await readLinks(linksPath, terminal);
    const notes = verified.ok ? linkNotes(path, read, verified.value.signedBy, links) : [];
    if (json) {
      const answer = verified.ok
        ? { file: path, verified: true, ...verified.value, notes }
        : { file: path, verified: false, message: verified.error.message, problems: verified.error.problems };
      await writeResult(STREAM, `${JSON.stringify(answer)}\n`, terminal);
    } else if (verified.ok) {
      const { signatures, unsigned, signedBy } = verified.value;
      const rest = unsigned === 0 ? '' : ` Turns without a signature: ${unsigned}.`;
      const held = `Signatures that hold: ${signatures}, by ${signedBy.join(', ') || 'nobody'}.${rest}`;
      terminal.note([`${nameOf(path)}: ${held}`, ...notes.map((note) => `  ${note}`)].join('\n'));
    } else {
      const lines = [`${nameOf(path)}: Not verified.`, ...problemLines(verified.error.problems)];
      terminal.note(
        (verified.error.problems.length === 0 ? [...lines, `  ${verified.error.message}`] : lines).join('\n'),
      );
    }
    return verified.ok ? EXIT.ok : EXIT.invalid;
  },
};

export const keygen: Command = {
  usage: 'keygen [--out FILE] [--json]',
  summary: 'Make an Ed25519 key. A file that is there is never replaced.',
  options: ['out'],
  files: [0, 0],
  async run({ json, text }, terminal) {
    const out = text('out');
    if (json && out === null) throw new Stop(EXIT.usage, 'With --json the key needs a file of its own: --out FILE.');
    const { signer, pem } = generateSigner();
    await writeResult(out ?? STREAM, pem, terminal, { exclusive: true, secret: true });
    const described = { public_key: signer.publicKey, key_id: nodeEd25519.keyIdOf(signer.publicKey) };
    if (json) await writeResult(STREAM, `${JSON.stringify(described)}\n`, terminal);
    else terminal.note(`Public key: ${described.public_key}\nKey id: ${described.key_id}`);
    return EXIT.ok;
  },
};
