import { success, type Result } from '../../protocol/result';
import { engineFailure, reasonOf, type EngineErrorCode } from '../errors';
import { GGUF_CONTROL_TOKEN, type GgufValue } from '../models/gguf';
import { runWithin } from '../time-limit';
import { BUILD_LIMIT_MS } from './text-tokenizer';
import type { TokenizerFiles } from './tokenizer-files';

/** Kind of tokens that stand for themselves (llama.cpp, llama_token_type). */
const USER_DEFINED_TOKEN = 4;

/** Pieces longer than this are padding of spaces or lines; they are entries of their own, never merged from halves. */
const MAX_MERGED_LENGTH = 64;
/** Ways to make tokens of two others; the largest published vocabularies have about 600,000. */
const MAX_MERGES = 2_000_000;
const MAX_TEMPLATE_LENGTH = 100_000;

/** How text is cut into words before bytes are merged, by `tokenizer.ggml.pre` (Hugging Face tokenizer.json files of these models). */
const LLAMA3_WORDS =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const QWEN2_WORDS = LLAMA3_WORDS.replace('\\p{N}{1,3}', '\\p{N}');
const PRE_TOKENIZERS: Readonly<Record<string, readonly object[]>> = {
  'llama-bpe': splitWords(LLAMA3_WORDS),
  llama3: splitWords(LLAMA3_WORDS),
  qwen2: splitWords(QWEN2_WORDS),
  'gpt-2': [byteLevel(true)],
  default: [byteLevel(true)],
  smollm: [{ type: 'Digits', individual_digits: true }, byteLevel(true)],
};

/** Of Llama 3: a word that is a token is that token, whatever the merges make of it, and texts have a begin token. */
const LLAMA3_PRE_TOKENIZERS: ReadonlySet<unknown> = new Set(['llama-bpe', 'llama3']);

/**
 * Turns a GGUF file's tokenizer into the form of tokenizer.json: byte-level BPE (`gpt2`), SentencePiece BPE (`llama`) and
 * SentencePiece unigram (`t5`).
 *
 * @param vocabularySize - rows of the model's embedding
 */
export function readGgufTokenizer(
  metadata: ReadonlyMap<string, GgufValue>,
  vocabularySize: number,
): Result<TokenizerFiles, EngineErrorCode> {
  const read = (key: string): GgufValue | undefined => metadata.get(`tokenizer.ggml.${key}`);
  const kind = read('model');
  const tokens = listOf(read('tokens'), isText);
  if (typeof kind !== 'string' || tokens === undefined || tokens.length === 0) {
    return engineFailure('tokenizer-invalid', 'The GGUF file holds no tokenizer.');
  }
  if (tokens.length > vocabularySize) {
    return engineFailure(
      'tokenizer-invalid',
      `The GGUF file's tokenizer has ${tokens.length} tokens; the model knows ${vocabularySize}.`,
    );
  }
  const kinds = listOf(read('token_type'), isNumber) ?? [];
  const scores = listOf(read('scores'), isNumber) ?? [];
  const merges = listOf(read('merges'), isText) ?? [];
  const isWrong = [kinds, scores].some((list) => list.length !== 0 && list.length !== tokens.length);
  if (isWrong) return engineFailure('tokenizer-invalid', "The lists of the GGUF file's tokenizer differ in length.");
  const textOfId = (key: string): string | null => {
    const id = read(key);
    return typeof id === 'number' ? (tokens[id] ?? null) : null;
  };
  const vocabulary: Vocabulary = { tokens, scores, merges, unknown: textOfId('unknown_token_id') };
  const built = buildModel(kind, vocabulary, read('pre') ?? 'default', read('add_space_prefix') !== false);
  if (!built.ok) return built;
  const template = metadata.get('tokenizer.chat_template') ?? null;
  if (template !== null && (typeof template !== 'string' || template.length > MAX_TEMPLATE_LENGTH)) {
    return engineFailure('template-invalid', 'The chat template of the GGUF file is no text or too long.');
  }
  const beginToken = textOfId('bos_token_id');
  const endToken = textOfId('eos_token_id');
  const beginsText = read('add_bos_token') ?? (kind === 'llama' || LLAMA3_PRE_TOKENIZERS.has(read('pre')));
  const addedTokens = tokens.flatMap((content, id) => {
    const special = kinds[id] === GGUF_CONTROL_TOKEN;
    if (!special && kinds[id] !== USER_DEFINED_TOKEN) return [];
    return [{ id, content, special, single_word: false, lstrip: false, rstrip: false, normalized: false }];
  });
  return success({
    files: [],
    kind: kind === 't5' ? 'Unigram' : 'BPE',
    tokenizerJson: {
      version: '1.0',
      added_tokens: addedTokens,
      ...built.value,
      post_processor:
        beginsText === true && beginToken !== null ? startWith(beginToken, tokens.indexOf(beginToken)) : null,
    },
    tokenizerConfig: {},
    chatTemplate: template,
    beginToken,
    endToken,
  });
}

interface Vocabulary {
  readonly tokens: readonly string[];
  readonly scores: readonly number[];
  readonly merges: readonly string[];
  readonly unknown: string | null;
}

function buildModel(
  kind: string,
  vocabulary: Vocabulary,
  pre: GgufValue,
  addsSpace: boolean,
): Result<object, EngineErrorCode> {
  const { tokens, scores, merges, unknown } = vocabulary;
  const ids = Object.fromEntries(tokens.map((token, id) => [token, id]));
  if (kind === 'gpt2') {
    const steps = typeof pre === 'string' && Object.hasOwn(PRE_TOKENIZERS, pre) ? PRE_TOKENIZERS[pre] : undefined;
    if (steps === undefined) {
      return engineFailure('model-unsupported', `The pre-tokenizer ${String(pre).slice(0, 100)} is not supported.`);
    }
    return success({
      normalizer: null,
      pre_tokenizer: { type: 'Sequence', pretokenizers: steps },
      decoder: byteLevel(true),
      model: {
        type: 'BPE',
        vocab: ids,
        merges,
        unk_token: null,
        fuse_unk: false,
        byte_fallback: false,
        ignore_merges: LLAMA3_PRE_TOKENIZERS.has(pre),
      },
    });
  }
  const restored = [
    { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
    { type: 'ByteFallback' },
    { type: 'Fuse' },
    ...(addsSpace ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
  ];
  const spaced = [
    ...(addsSpace ? [{ type: 'Prepend', prepend: '▁' }] : []),
    { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
  ];
  const shared = {
    normalizer: { type: 'Sequence', normalizers: spaced },
    pre_tokenizer: null,
    decoder: { type: 'Sequence', decoders: restored },
  };
  if (kind === 'llama' && scores.length > 0) {
    let pairs: [string, string][];
    try {
      pairs = runWithin(BUILD_LIMIT_MS, () => mergesOf(tokens, scores));
    } catch (thrown) {
      return engineFailure('tokenizer-invalid', `The GGUF file's tokenizer cannot be used: ${reasonOf(thrown)}.`);
    }
    const model = { type: 'BPE', vocab: ids, merges: pairs, unk_token: unknown, fuse_unk: true, byte_fallback: true };
    return success({ ...shared, model });
  }
  if (kind === 't5' && scores.length > 0) {
    const pairs = tokens.map((token, id) => [token, scores[id] ?? 0]);
    const model = { type: 'Unigram', vocab: pairs, unk_id: unknown === null ? 0 : ids[unknown], byte_fallback: true };
    return success({ ...shared, model });
  }
  return engineFailure('model-unsupported', `The tokenizer ${kind.slice(0, 100)} of the GGUF file is not supported.`);
}

/**
 * SentencePiece joins the neighbours whose result has the best score. As a list of merges: every way to make a piece of
 * two others, best piece first (as Hugging Face transformers converts such vocabularies).
 *
 * @throws when there are too many
 */
function mergesOf(tokens: readonly string[], scores: readonly number[]): [string, string][] {
  const ids = new Map(tokens.map((token, id) => [token, id]));
  const ways: { left: number; right: number; score: number }[] = [];
  for (const [id, token] of tokens.entries()) {
    const cuts = cutsOf(token);
    if (cuts.length >= MAX_MERGED_LENGTH) continue;
    const own: typeof ways = [];
    for (const cut of cuts) {
      const [left, right] = [ids.get(token.slice(0, cut)), ids.get(token.slice(cut))];
      if (left !== undefined && right !== undefined) own.push({ left, right, score: scores[id] ?? 0 });
    }
    own.sort((a, b) => a.left - b.left || a.right - b.right);
    ways.push(...own);
    if (ways.length > MAX_MERGES) throw new Error(`more than ${MAX_MERGES} pairs of its tokens form another one`);
  }
  ways.sort((a, b) => b.score - a.score);
  return ways.map(({ left, right }) => [tokens[left] ?? '', tokens[right] ?? '']);
}

/** Places between the characters of a token; of one that is far too long only as many as show it. */
function cutsOf(token: string): number[] {
  const cuts: number[] = [];
  let place = 0;
  for (const character of token) {
    if (place > 0) cuts.push(place);
    if (cuts.length >= MAX_MERGED_LENGTH) break;
    place += character.length;
  }
  return cuts;
}

function splitWords(pattern: string): readonly object[] {
  return [{ type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false }, byteLevel(false)];
}

function byteLevel(usesRegex: boolean): object {
  return { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: usesRegex };
}

function startWith(token: string, id: number): object {
  const begin = { SpecialToken: { id: token, type_id: 0 } };
  return {
    type: 'TemplateProcessing',
    single: [begin, { Sequence: { id: 'A', type_id: 0 } }],
    pair: [begin, { Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
    special_tokens: { [token]: { id: token, ids: [id], tokens: [token] } },
  };
}

function listOf<Entry>(value: GgufValue | undefined, isEntry: (entry: unknown) => entry is Entry): Entry[] | undefined {
  return Array.isArray(value) && value.every(isEntry) ? value : undefined;
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number';
}
