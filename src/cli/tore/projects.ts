import { join } from 'node:path';
import { v7 as uuidV7 } from 'uuid';
import type { Conversation } from '../../protocol/conversation/conversation';
import { DOCUMENT_KINDS, type ToreDocument } from '../../protocol/documents/read-document';
import { decodeUtf8 } from '../../protocol/documents/utf-8';
import { writeDocument } from '../../protocol/documents/write-document';
import { mergeProject } from '../../protocol/project/merge-project';
import { splitProject } from '../../protocol/project/split-project';
import { nameOf, readBytes, readValid, Stop, valid, validBytes, writeResult, type Command } from './command';
import { EXIT, STREAM, type Terminal } from './terminal';

/** Longest part of a title in a file name; the id behind it keeps names apart. */
const MAX_TITLE_CHARACTERS = 60;
const MAX_ID_CHARACTERS = 80;

/** A title or an id as part of a file name on every system: no separators, no control characters, no dots at the ends. */
function fileNamePart(text: string, maxCharacters: number): string {
  const safe = text.normalize('NFC').replace(/[^\p{Letter}\p{Number}_-]+/gu, '-');
  return [...safe]
    .slice(0, maxCharacters)
    .join('')
    .replace(/^-+|-+$/g, '');
}

function fileNameOf({ title, id }: Conversation, position: number): string {
  const parts = [
    fileNamePart(title, MAX_TITLE_CHARACTERS) || 'conversation',
    fileNamePart(id, MAX_ID_CHARACTERS) || String(position + 1),
  ];
  return `${parts.join('.')}${DOCUMENT_KINDS.conversation.endings[0] ?? ''}`;
}

export const split: Command = {
  usage: 'split PROJECT [--out FOLDER]',
  summary: 'Take a project apart into conversations: files in a folder, or lines of JSON on the standard output.',
  options: ['out'],
  files: [1, 1],
  async run({ files: [path = STREAM], text }, terminal) {
    const read = await readValid(path, terminal);
    if (read.kind !== 'project') {
      throw new Stop(EXIT.invalid, `${nameOf(path)} is a ${DOCUMENT_KINDS[read.kind].noun}, not a project.`);
    }
    const { conversations, elsewhere } = splitProject(read.document);
    const folder = text('out');
    const names = new Set<string>();
    for (const [position, conversation] of conversations.entries()) {
      if (folder === null) {
        await writeResult(STREAM, `${JSON.stringify(conversation)}\n`, terminal);
        continue;
      }
      const wanted = fileNameOf(conversation, position);
      const name = names.has(wanted.toLowerCase()) ? `${position + 1}.${wanted}` : wanted;
      names.add(name.toLowerCase());
      const file = join(folder, name);
      await writeResult(file, valid(path, writeDocument(conversation)), terminal, { exclusive: true });
      await writeResult(STREAM, `${file}\n`, terminal);
    }
    terminal.note(`Conversations: ${conversations.length}.`);
    for (const { ref } of elsewhere) terminal.note(`Not in this file, so not split: ${JSON.stringify(ref)}`);
    return EXIT.ok;
  },
};

/** The documents of a file: one, or one on each line as `split` writes them. */
async function readSeveral(path: string, terminal: Terminal): Promise<ToreDocument[]> {
  const bytes = await readBytes(path, terminal);
  const decoded = decodeUtf8(bytes);
  if ('badByteAt' in decoded) return [validBytes(path, bytes)];
  const lines = decoded.text.split('\n').filter((line) => line.trim() !== '');
  const isLines = lines.length > 1 && lines.every((line) => line.startsWith('{') && /\}\s*$/.test(line));
  if (!isLines) return [validBytes(path, bytes)];
  return lines.map((line, index) => validBytes(`${nameOf(path)}, line ${index + 1}`, line));
}

export const merge: Command = {
  usage: 'merge FILE… [--name NAME] [--out FILE]',
  summary: 'Put conversations, sessions and projects into one project; the first project is the base.',
  options: ['name', 'out'],
  files: [1, Number.MAX_SAFE_INTEGER],
  async run({ files, text }, terminal) {
    const documents: ToreDocument[] = [];
    for (const path of files) {
      for (const document of await readSeveral(path, terminal)) documents.push(document);
    }
    const name = text('name');
    const created = { id: uuidV7(), name: name ?? 'Project', now: new Date().toISOString() };
    const merged = valid('The project', mergeProject(documents, created));
    const project = name === null ? merged : { ...merged, name };
    await writeResult(text('out') ?? STREAM, valid('The project', writeDocument(project)), terminal);
    terminal.note(`Conversations: ${project.conversations.length}, sessions: ${project.sessions?.length ?? 0}.`);
    return EXIT.ok;
  },
};
