import { join } from 'node:path';
import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { success, type Result } from '../../protocol/result';
import { engineFailure, type EngineErrorCode } from '../errors';
import { fileExists, readJsonFile, readTextFile } from '../models/file-reading';

const TOKENIZER_FILE = 'tokenizer.json';
const TOKENIZER_CONFIG_FILE = 'tokenizer_config.json';
const CHAT_TEMPLATE_FILE = 'chat_template.jinja';
/** The largest published tokenizers have about 35 MB. */
const MAX_TOKENIZER_BYTES = 200_000_000;
/** Lists every added token; some hold thousands. */
const MAX_TOKENIZER_CONFIG_BYTES = 20_000_000;
/** The manifest's limit. */
const MAX_TEMPLATE_BYTES = 100_000;

const TokenizerJson = Type.Object({
  model: Type.Object({
    type: Type.Union([Type.Literal('BPE'), Type.Literal('Unigram'), Type.Literal('WordPiece')]),
  }),
});
const tokenizerJsonCheck = Compile(TokenizerJson);

const TokenText = Type.Optional(Type.Union([Type.String(), Type.Object({ content: Type.String() }), Type.Null()]));
const TokenizerConfig = Type.Object({
  bos_token: TokenText,
  eos_token: TokenText,
  /** One template, or several by name; then the one called "default" counts. */
  chat_template: Type.Optional(
    Type.Union([
      Type.String(),
      Type.Array(Type.Object({ name: Type.String(), template: Type.String() }), { maxItems: 64 }),
      Type.Null(),
    ]),
  ),
});
type TokenizerConfig = Static<typeof TokenizerConfig>;
const tokenizerConfigCheck = Compile(TokenizerConfig);

/** The tokenizer's part of a model folder, read and checked as far as a schema can. */
export interface TokenizerFiles {
  /** Names of the files that were read, relative to the folder. */
  readonly files: readonly string[];
  /** Kind of the model inside, such as `BPE`. */
  readonly kind: string;
  readonly tokenizerJson: object;
  readonly tokenizerConfig: object;
  readonly chatTemplate: string | null;
  /** Texts of the tokens that begin and end a document, for chat templates. */
  readonly beginToken: string | null;
  readonly endToken: string | null;
}

/** Reads tokenizer.json, tokenizer_config.json and, where it stands alone, chat_template.jinja. */
export async function readTokenizerFiles(folder: string): Promise<Result<TokenizerFiles, EngineErrorCode>> {
  const json = await readJsonFile(join(folder, TOKENIZER_FILE), TOKENIZER_FILE, MAX_TOKENIZER_BYTES);
  if (!json.ok) return json;
  if (!tokenizerJsonCheck.Check(json.value)) {
    return engineFailure(
      'tokenizer-invalid',
      `${TOKENIZER_FILE} holds no tokenizer of a known kind (BPE, Unigram, WordPiece).`,
    );
  }
  const files = [TOKENIZER_FILE];
  let config: TokenizerConfig = {};
  if (await fileExists(join(folder, TOKENIZER_CONFIG_FILE))) {
    const read = await readJsonFile(
      join(folder, TOKENIZER_CONFIG_FILE),
      TOKENIZER_CONFIG_FILE,
      MAX_TOKENIZER_CONFIG_BYTES,
    );
    if (!read.ok) return read;
    if (!tokenizerConfigCheck.Check(read.value)) {
      const [first] = tokenizerConfigCheck.Errors(read.value);
      return engineFailure(
        'tokenizer-invalid',
        `${TOKENIZER_CONFIG_FILE} is wrong at ${first?.instancePath.slice(1) ?? ''}.`,
      );
    }
    config = read.value;
    files.push(TOKENIZER_CONFIG_FILE);
  }
  let chatTemplate = templateOf(config);
  // The file counts before the field, as in Hugging Face transformers.
  if (await fileExists(join(folder, CHAT_TEMPLATE_FILE))) {
    const text = await readTextFile(join(folder, CHAT_TEMPLATE_FILE), CHAT_TEMPLATE_FILE, MAX_TEMPLATE_BYTES);
    if (!text.ok) return text;
    chatTemplate = text.value;
    files.push(CHAT_TEMPLATE_FILE);
  }
  if (chatTemplate !== null && chatTemplate.length > MAX_TEMPLATE_BYTES) {
    return engineFailure(
      'template-invalid',
      `The chat template has ${chatTemplate.length} characters; at most ${MAX_TEMPLATE_BYTES} are read.`,
    );
  }
  return success({
    files,
    kind: json.value.model.type,
    tokenizerJson: json.value,
    tokenizerConfig: config,
    chatTemplate,
    beginToken: textOf(config.bos_token),
    endToken: textOf(config.eos_token),
  });
}

function templateOf(config: TokenizerConfig): string | null {
  const template = config.chat_template ?? null;
  if (template === null || typeof template === 'string') return template;
  return template.find((entry) => entry.name === 'default')?.template ?? null;
}

function textOf(token: TokenizerConfig['bos_token']): string | null {
  if (token === undefined || token === null) return null;
  return typeof token === 'string' ? token : token.content;
}
