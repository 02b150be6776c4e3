import { join } from 'node:path';
import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { AnswerRule } from '../../../contract/sessions';
import { writeFileAtomically } from '../../storage/atomic-file';
import { readJsonDocument } from '../../storage/json-document';

const Preferences = Type.Object({
  formatVersion: Type.Literal(1),
  displayName: Type.String({ maxLength: 100 }),
  /** The own model of each session, and when it answers. */
  models: Type.Record(Type.String(), Type.Object({ modelId: Type.String(), rule: AnswerRule })),
  /** Offered sessions that are not to be shown. */
  declined: Type.Optional(Type.Array(Type.String({ maxLength: 100 }), { maxItems: 1_000 })),
});
/** The oldest of more are shown again, if they are still open. */
const MAX_DECLINED = 1_000;
type Preferences = Static<typeof Preferences>;

const NONE: Preferences = { formatVersion: 1, displayName: '', models: {} };

/** What a person chose for their sessions on this computer; a lost file costs choices, no words. */
export class SessionPreferences {
  private writing: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly path: string,
    private current: Preferences,
  ) {}

  static async open(folder: string): Promise<SessionPreferences> {
    const path = join(folder, 'preferences.json');
    const reading = await readJsonDocument(path);
    const isGood = reading.kind === 'read' && Value.Check(Preferences, reading.value);
    return new SessionPreferences(path, isGood ? reading.value : NONE);
  }

  get displayName(): string {
    return this.current.displayName;
  }

  modelOf(sessionId: string): { readonly modelId: string; readonly rule: AnswerRule } | null {
    return this.current.models[sessionId] ?? null;
  }

  isDeclined(sessionId: string): boolean {
    return this.current.declined?.includes(sessionId) === true;
  }

  decline(sessionId: string): void {
    this.save({ ...this.current, declined: [...(this.current.declined ?? []), sessionId].slice(-MAX_DECLINED) });
  }

  setDisplayName(displayName: string): void {
    this.save({ ...this.current, displayName });
  }

  setModel(sessionId: string, choice: { readonly modelId: string; readonly rule: AnswerRule } | null): void {
    const others = Object.entries(this.current.models).filter(([id]) => id !== sessionId);
    const models = Object.fromEntries(choice === null ? others : [...others, [sessionId, choice]]);
    this.save({ ...this.current, models });
  }

  async settled(): Promise<void> {
    await this.writing;
  }

  private save(next: Preferences): void {
    this.current = next;
    const text = `${JSON.stringify(next, null, 2)}\n`;
    this.writing = this.writing.then(() => writeFileAtomically(this.path, text, 'Your choices for sessions'));
  }
}
