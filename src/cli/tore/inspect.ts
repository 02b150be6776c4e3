import { isExpired } from '../../protocol/trust/check-discovery';
import { isListedCapability } from '../../protocol/trust/taxonomy';
import { attachmentsOf, verifyAttachments } from '../../library/documents/attachments';
import { DOCUMENT_KINDS, readDocument, type ToreDocument } from '../../protocol/documents/read-document';
import type { DocumentFailure } from '../../protocol/documents/errors';
import type { Problem } from '../../protocol/documents/problems';
import { isDocumentReference } from '../../protocol/project/project';
import { canonicalJson } from '../../protocol/signing/canonical-json';
import { readJson } from '../../protocol/documents/read-document';
import { nameOf, problemLines, readBytes, readValid, valid, writeResult, type Command } from './command';
import { EXIT, STREAM, type ExitCode } from './terminal';

/** What a document holds, field by field; the values are short enough for a line each. */
function summaryOf(read: ToreDocument): Record<string, string | number | null> {
  const { noun, spec } = DOCUMENT_KINDS[read.kind];
  const head = { kind: noun, tore_spec: spec, id: read.document.id };
  const files = attachmentsOf(read);
  const attachments = {
    attachments: files.length,
    attachment_bytes: files.reduce((sum, { attachment }) => sum + attachment.size_bytes, 0),
  };
  switch (read.kind) {
    case 'conversation': {
      const { title, source, participants, messages, created_at, updated_at } = read.document;
      const parents = new Set(messages.map(({ parent_id: parent }) => parent ?? null));
      const branches = messages.filter(({ id }) => !parents.has(id)).length;
      return {
        ...head,
        title,
        source: source.platform,
        participants: participants.length,
        messages: messages.length,
        branches,
        ...attachments,
        created_at,
        updated_at,
      };
    }
    case 'project': {
      const { name, conversations, sessions, instructions, created_at, updated_at } = read.document;
      const inside = conversations.filter((entry) => !isDocumentReference(entry)).length;
      return {
        ...head,
        name,
        conversations: inside,
        conversations_elsewhere: conversations.length - inside,
        sessions: sessions?.length ?? 0,
        instruction_blocks: typeof instructions === 'string' ? Number(instructions !== '') : instructions.length,
        ...attachments,
        created_at,
        updated_at,
      };
    }
    case 'session': {
      const { title, mode, status, host, participants, turns, agreement_ref, created_at, updated_at } = read.document;
      return {
        ...head,
        title,
        mode,
        status,
        host: host.url,
        participants: participants.length,
        turns: turns.length,
        turns_with_cost: turns.filter(({ inference_cost: cost }) => cost !== null && cost !== undefined).length,
        agreement: agreement_ref ?? null,
        created_at,
        updated_at,
      };
    }
    case 'discovery': {
      const { node, capabilities, endpoints, governance_mode, issued_at, expires_at } = read.document;
      return {
        ...head,
        node: node.node_id,
        institution: node.institution ?? null,
        capabilities: capabilities
          .map(({ domain, subdomain }) => {
            const note = isListedCapability(domain, subdomain) ? '' : ' (not in the starting table)';
            return `${domain}/${subdomain}${note}`;
          })
          .join(', '),
        expired: isExpired(read.document, Date.now()) ? 'yes' : 'no',
        endpoints: endpoints.length,
        governance_mode,
        issued_at,
        expires_at,
      };
    }
    case 'agreement': {
      const { parties, governance_mode, status, terms, evidence, signatures } = read.document;
      return {
        ...head,
        parties: parties.map(({ name }) => name).join(', '),
        governance_mode,
        status,
        purpose: terms.purpose,
        evidence: evidence.length,
        signatures: signatures.length,
        effective_at: terms.effective_at,
        expires_at: terms.expires_at ?? null,
      };
    }
  }
}

/** Control characters of a document shall not steer the terminal. */
function printable(value: string | number | null): string {
  return value === null ? '-' : String(value).replace(/\p{Cc}|\p{Cf}|\p{Surrogate}/gu, '\ufffd');
}

export const inspect: Command = {
  usage: 'inspect FILE [--json]',
  summary: 'Say what a document is and holds.',
  options: [],
  files: [1, 1],
  async run({ files: [path = STREAM], json }, terminal) {
    const summary = summaryOf(await readValid(path, terminal));
    const text = json
      ? JSON.stringify(summary)
      : Object.entries(summary)
          .map(([name, value]) => `${name}: ${printable(value)}`)
          .join('\n');
    await writeResult(STREAM, `${text}\n`, terminal);
    return EXIT.ok;
  },
};

interface Verdict {
  readonly file: string;
  readonly valid: boolean;
  readonly kind: string | null;
  readonly message: string;
  readonly problems: readonly Problem[];
}

function judge(file: string, bytes: Uint8Array): Verdict {
  const read = readDocument(bytes);
  if (!read.ok) {
    const { message, problems }: DocumentFailure = read.error;
    return { file, valid: false, kind: null, message, problems };
  }
  const { noun } = DOCUMENT_KINDS[read.value.kind];
  const problems = verifyAttachments(read.value);
  return problems.length === 0
    ? { file, valid: true, kind: noun, message: `A valid ${noun}.`, problems }
    : { file, valid: false, kind: noun, message: 'An attachment is damaged.', problems };
}

export const validate: Command = {
  usage: 'validate FILE… [--json]',
  summary: 'Check documents and their inline attachments. Signatures are checked by verify.',
  options: [],
  files: [1, Number.MAX_SAFE_INTEGER],
  async run({ files, json }, terminal) {
    const verdicts: Verdict[] = [];
    let exitCode: ExitCode = EXIT.ok;
    for (const file of files) {
      const bytes = await terminal.read(file);
      const verdict = bytes.ok
        ? judge(file, bytes.value)
        : { file, valid: false, kind: null, message: bytes.error.message, problems: [] };
      verdicts.push(verdict);
      if (!bytes.ok) exitCode = EXIT.io;
      else if (!verdict.valid && exitCode === EXIT.ok) exitCode = EXIT.invalid;
      if (!json) terminal.note([`${nameOf(file)}: ${verdict.message}`, ...problemLines(verdict.problems)].join('\n'));
    }
    if (json) await writeResult(STREAM, `${JSON.stringify(verdicts)}\n`, terminal);
    return exitCode;
  },
};

export const canonical: Command = {
  usage: 'canonical FILE',
  summary: 'Write the canonical JSON (RFC 8785) of a JSON file, without a line feed at the end.',
  options: [],
  files: [1, 1],
  async run({ files: [path = STREAM] }, terminal) {
    const value = valid(path, readJson(await readBytes(path, terminal)));
    await writeResult(STREAM, valid(path, canonicalJson(value)), terminal);
    return EXIT.ok;
  },
};
