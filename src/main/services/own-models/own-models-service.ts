import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { v7 } from 'uuid';
import { OwnModelFields, type OwnModelView } from '../../../contract/own-models';
import { success, type Result } from '../../../protocol/result';
import { mainFailure, type MainErrorCode } from '../../errors';
import { writeFileAtomically } from '../../storage/atomic-file';
import { keepBrokenFile, readJsonDocument } from '../../storage/json-document';
import type { SecretVault } from '../secret-vault';

const StoredModel = Type.Intersect([OwnModelFields, Type.Object({ id: Type.String() })]);
const ModelsDocument = Type.Object({
  formatVersion: Type.Literal(1),
  models: Type.Array(
    Type.Object({ id: Type.String({ maxLength: 100 }), fields: OwnModelFields }, { additionalProperties: false }),
    { maxItems: 100 },
  ),
});
type ModelsDocument = Static<typeof ModelsDocument>;
export type OwnModel = Static<typeof StoredModel>;

/** The cooperative's model is there without any set-up. */
export const NETWORK_MODEL_ID = 'network';
const KEY_PREFIX = 'own-model-key:';
/** No id of a model of the network begins like this: a colon is no part of one. */
const CHAT_PREFIX = 'own:';

/** The models a person brings: where each answers, and its key in the system's key store. Keys never leave main. */
export class OwnModelsService {
  private document: ModelsDocument;

  private constructor(
    private readonly path: string,
    private readonly vault: SecretVault,
    document: ModelsDocument,
    private readonly network: () => { readonly modelId: string; readonly contextLength: number | null },
  ) {
    this.document = document;
  }

  /** Opens the list; a damaged file is kept aside and reported. */
  static async open(
    path: string,
    vault: SecretVault,
    network: () => { readonly modelId: string; readonly contextLength: number | null },
    nowMs: number,
  ): Promise<{ readonly service: OwnModelsService; readonly notice: string | null }> {
    const empty: ModelsDocument = { formatVersion: 1, models: [] };
    const reading = await readJsonDocument(path);
    if (reading.kind === 'read' && Value.Check(ModelsDocument, reading.value)) {
      return { service: new OwnModelsService(path, vault, reading.value, network), notice: null };
    }
    const service = new OwnModelsService(path, vault, empty, network);
    if (reading.kind === 'absent') return { service, notice: null };
    const kept = await keepBrokenFile(path, nowMs);
    return {
      service,
      notice: `The list of your own models could not be read${kept === null ? '' : `; it was kept as ${kept}`}.`,
    };
  }

  list(): OwnModelView[] {
    const own = this.document.models.map(({ id, fields }) => ({
      id,
      ...fields,
      hasKey: this.vault.has(KEY_PREFIX + id),
    }));
    const chatIds = this.chatIds();
    const network = { ...this.networkModel(), hasKey: false };
    return [network, ...own].map((model) => ({ ...model, chatId: chatIds.get(model.id) ?? model.modelId }));
  }

  find(id: string): OwnModel | null {
    if (id === NETWORK_MODEL_ID) return this.networkModel();
    const found = this.document.models.find((model) => model.id === id);
    return found === undefined ? null : { id, ...found.fields };
  }

  /** Whether Chat means a model of this list, also one that was removed since. */
  isForChat(chatId: string): boolean {
    return chatId.startsWith(CHAT_PREFIX);
  }

  findForChat(chatId: string): OwnModel | null {
    for (const [id, known] of this.chatIds()) if (known === chatId) return this.find(id);
    return null;
  }

  /** The key of a model, null when it has none. */
  key(id: string): Result<string | null, MainErrorCode> {
    return this.vault.read(KEY_PREFIX + id);
  }

  /** @param key - null keeps the key there is, an empty text removes it */
  async save(
    id: string | null,
    fields: OwnModelFields,
    key: string | null,
  ): Promise<Result<OwnModelView[], MainErrorCode>> {
    if (fields.kind === 'network') return mainFailure('model-invalid', 'The network is there already.');
    if (fields.kind === 'openai-compatible' && fields.baseUrl === null) {
      return mainFailure('model-invalid', 'An OpenAI-compatible server needs its address.', {
        suggestion: 'For Ollama it is http://127.0.0.1:11434/v1.',
      });
    }
    const modelId = id ?? v7();
    if (key !== null) {
      const name = KEY_PREFIX + modelId;
      const written = key === '' ? await this.vault.remove(name) : await this.vault.write(name, key);
      if (!written.ok) return written;
    }
    const others = this.document.models.filter((model) => model.id !== modelId);
    return this.keep([...others, { id: modelId, fields }]);
  }

  async remove(id: string): Promise<Result<OwnModelView[], MainErrorCode>> {
    const removed = await this.vault.remove(KEY_PREFIX + id);
    return removed.ok ? this.keep(this.document.models.filter((model) => model.id !== id)) : removed;
  }

  /**
   * By what name Chat knows each model. It stands in conversations, so it says something to whoever reads them; the prefix
   * keeps it apart from every model of the network (`openai/gpt-oss-20b` is one of those).
   */
  private chatIds(): Map<string, string> {
    const ids = new Map<string, string>();
    for (const { id, fields } of this.document.models) {
      const plain = `${CHAT_PREFIX}${fields.kind}/${fields.modelId}`;
      const taken = [...ids.values()];
      ids.set(
        id,
        !taken.includes(plain)
          ? plain
          : taken.includes(`${plain}#${fields.name}`)
            ? `${plain}#${id}`
            : `${plain}#${fields.name}`,
      );
    }
    return ids;
  }

  private networkModel(): OwnModel {
    const { modelId, contextLength } = this.network();
    return {
      id: NETWORK_MODEL_ID,
      kind: 'network',
      name: modelId,
      modelId,
      baseUrl: null,
      contextLength: contextLength ?? 2_048,
      maxNewTokens: 256,
    };
  }

  private async keep(models: ModelsDocument['models']): Promise<Result<OwnModelView[], MainErrorCode>> {
    const document: ModelsDocument = { formatVersion: 1, models };
    const saved = await writeFileAtomically(this.path, `${JSON.stringify(document, null, 2)}\n`, 'Your list of models');
    if (!saved.ok) return saved;
    this.document = document;
    return success(this.list());
  }
}
