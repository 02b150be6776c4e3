import { describe, expect, it } from 'vitest';
import { writeMarkdown } from '../../documents/write-markdown';
import { CONTEXT, conversationOf, partsOf, roleOf } from '../testdata/reading';
import { convertMarkdown } from './markdown';

function convert(text: string): ReturnType<typeof conversationOf> {
  return conversationOf(convertMarkdown(text, { ...CONTEXT, fileName: 'Notes.md' }));
}

describe('Markdown', () => {
  it('parts turns at headings and bold names, never inside code', () => {
    const found = convert(
      '# Cooking\n\n## User\n\nHow?\n\n```md\n## Assistant\n```\n\n## Assistant (gpt-4o)\n\nSlowly.\n\n**You:** And then?\n\n### Not a speaker\n\nstill mine',
    );
    expect(found.title).toBe('Cooking');
    expect(found.messages.map(({ id }) => [roleOf(found, id), partsOf(found, id)[0]?.['text']])).toEqual([
      ['human', 'How?\n\n```md\n## Assistant\n```'],
      ['model', 'Slowly.'],
      ['human', 'And then?\n\n### Not a speaker\n\nstill mine'],
    ]);
  });

  it('takes a file without speakers as one message', () => {
    const found = convert('Just a thought.\r\nAnd another.');
    expect(found.messages).toHaveLength(1);
    expect(found.title).toBe('Notes');
  });

  it('reads what the Markdown export writes', () => {
    const found = convert('# T\n\n## User\n\nHello\n\n## Assistant\n\nHi\n');
    expect(convert(writeMarkdown(found)).messages.map(({ content }) => content)).toEqual(
      found.messages.map(({ content }) => content),
    );
  });

  it('fences code with any number of fences in it', () => {
    const found = convert('# T\n\n## User\n\nHello\n');
    const code = '` '.repeat(300_000);
    const messages = found.messages.map((message) => ({ ...message, content: [{ type: 'code' as const, code }] }));
    expect(writeMarkdown({ ...found, messages })).toContain(`\`\`\`\n${code}`);
  });

  it('skips an empty file', () => {
    expect(convertMarkdown('\n \n', CONTEXT).kind).toBe('skipped');
  });

  it('takes lines of a million blanks and marks in its stride', () => {
    const blanks = ' '.repeat(1_000_000);
    expect(convert(`# a${blanks}x\n**b${blanks}\n#${blanks}c`).messages).toHaveLength(1);
  });
});
