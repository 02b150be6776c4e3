import { beforeAll, describe, expect, it } from 'vitest';
import { codeOf, expectValue, TORE_TINY } from '../testdata/tore-tiny';
import { TextTokenizer } from './text-tokenizer';
import { readTokenizerFiles, type TokenizerFiles } from './tokenizer-files';

let files: TokenizerFiles;
beforeAll(async () => {
  files = expectValue(await readTokenizerFiles(TORE_TINY));
});

function create(change: Partial<TokenizerFiles> = {}, vocabularySize = 1_024): TextTokenizer {
  return expectValue(TextTokenizer.create({ ...files, ...change }, vocabularySize));
}

describe('TextTokenizer', () => {
  it('applies the chat template to every turn', () => {
    const tokenizer = create();
    const messages = [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: 'Hello' },
      { role: 'user', content: 'Bye' },
    ] as const;
    const rendered =
      '<|bos|><|system|>\nBe brief.<|end|>\n<|user|>\nHi<|end|>\n<|assistant|>\nHello<|end|>\n<|user|>\nBye<|end|>\n<|assistant|>\n';
    expect(tokenizer.encodeMessages(messages)).toEqual(tokenizer.encodePrompt(rendered));
  });

  it('says when a model has no chat template', () => {
    expect(codeOf(create({ chatTemplate: null }).encodeMessages([{ role: 'user', content: 'Hi' }]))).toBe(
      'template-invalid',
    );
  });

  it('refuses a template it cannot read, and one that refuses the messages', () => {
    const broken = TextTokenizer.create({ ...files, chatTemplate: '{% for %}' }, 1_024);
    expect(codeOf(broken)).toBe('template-invalid');
    const strict = create({ chatTemplate: "{{ raise_exception('roles must alternate') }}" });
    const result = strict.encodeMessages([{ role: 'user', content: 'Hi' }]);
    expect(codeOf(result)).toBe('template-invalid');
    expect(!result.ok && result.error.message).toContain('roles must alternate');
  });

  it('refuses a tokenizer that cannot be used', () => {
    expect(codeOf(TextTokenizer.create({ ...files, tokenizerJson: { model: { type: 'BPE' } } }, 8))).toBe(
      'tokenizer-invalid',
    );
  });

  it('refuses tokens the model does not know', () => {
    expect(codeOf(create({}, 10).encodePrompt('Hello'))).toBe('tokenizer-invalid');
  });

  it('refuses text without tokens and text without end', () => {
    expect(codeOf(create().encodePrompt(''))).toBe('input-invalid');
    expect(codeOf(create().encodePrompt('a'.repeat(4_000_001)))).toBe('input-invalid');
  });

  it('refuses text that cannot fit into the context, and encodes what may', () => {
    const tokenizer = expectValue(TextTokenizer.create(files, 1_024, 100));
    expect(codeOf(tokenizer.encodePrompt('<|assistant|>'.repeat(100)))).toBe('ok');
    const result = tokenizer.encodePrompt('a'.repeat(10_000));
    expect(codeOf(result)).toBe('context-exceeded');
    expect(!result.ok && result.error.message).toContain('100 positions');
  });

  it('does not begin twice a document that begins with the token itself', () => {
    const adding = {
      ...files.tokenizerJson,
      post_processor: {
        type: 'TemplateProcessing',
        single: [{ SpecialToken: { id: '<|bos|>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
        pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 0 } }],
        special_tokens: { '<|bos|>': { id: '<|bos|>', ids: [0], tokens: ['<|bos|>'] } },
      },
    };
    const tokenizer = create({ tokenizerJson: adding });
    expect(tokenizer.encodePrompt('<|bos|>Hi')).toEqual(tokenizer.encodePrompt('Hi'));
  });
});
