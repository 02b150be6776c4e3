import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import type { DocumentStore } from '../storage/electron-document-store';
import { readJsonDocument } from '../storage/json-document';
import type { Log } from './log';

/** Rectangle in device-independent pixels. */
const Bounds = Type.Object({
  x: Type.Integer(),
  y: Type.Integer(),
  width: Type.Integer({ minimum: 1, maximum: 100_000 }),
  height: Type.Integer({ minimum: 1, maximum: 100_000 }),
});

/** A pause that the user asked for and that outlives the app. */
const RequestedPause = Type.Union([
  Type.Object({ kind: Type.Literal('user') }),
  Type.Object({
    kind: Type.Literal('snoozed'),
    until: Type.String({ maxLength: 40 }),
    /** When it was asked for, so that a clock that is set back is noticed. */
    from: Type.Optional(Type.String({ maxLength: 40 })),
  }),
]);
export type RequestedPause = Static<typeof RequestedPause>;

const DeviceSnooze = Type.Object({
  from: Type.String({ maxLength: 40 }),
  /** Null lasts until resumed. */
  until: Type.Union([Type.String({ maxLength: 40 }), Type.Null()]),
});
export type DeviceSnooze = Static<typeof DeviceSnooze>;

/** What the app remembers for itself; losing it costs nothing that a user set. */
export const AppMemoryDocument = Type.Object({
  window: Type.Union([Type.Object({ bounds: Bounds, maximized: Type.Boolean() }), Type.Null()]),
  /** Port of the embedded coordinator, reused so that nodes that joined it find it again. */
  coordinatorPort: Type.Union([Type.Integer({ minimum: 1, maximum: 65_535 }), Type.Null()]),
  pause: Type.Union([RequestedPause, Type.Null()]),
  /** Snoozes of single devices, by device id. */
  deviceSnoozes: Type.Record(Type.String({ pattern: '^(cpu|network|gpu[0-9]{1,2})$' }), DeviceSnooze),
  /** What went over the network in a calendar month, as `2026-02`. */
  traffic: Type.Object({ month: Type.String({ maxLength: 10 }), bytes: Type.Number({ minimum: 0 }) }),
  /** A random text by which this installation has its turn in a staged update; it never leaves this computer. */
  installationId: Type.String({ maxLength: 60 }),
});
export type AppMemoryDocument = Static<typeof AppMemoryDocument>;

export const EMPTY_MEMORY: AppMemoryDocument = {
  window: null,
  coordinatorPort: null,
  pause: null,
  deviceSnoozes: {},
  installationId: '',
  traffic: { month: '', bytes: 0 },
};

/** Reads what was remembered; a part that is damaged is forgotten, the others stay. */
export async function loadAppMemory(path: string, log: Log): Promise<AppMemoryDocument> {
  const reading = await readJsonDocument(path);
  if (reading.kind === 'absent') return EMPTY_MEMORY;
  if (reading.kind === 'broken' || typeof reading.value !== 'object' || reading.value === null) {
    log.warn({ reason: reading.kind === 'broken' ? reading.reason : 'it is not an object' }, 'state file not usable');
    return EMPTY_MEMORY;
  }
  let memory = EMPTY_MEMORY;
  for (const [key, value] of Object.entries(reading.value)) {
    const candidate: unknown = key in EMPTY_MEMORY ? { ...memory, [key]: value } : memory;
    if (Value.Check(AppMemoryDocument, candidate)) memory = candidate;
    else log.warn({ key }, 'forgot a damaged part of the state file');
  }
  return memory;
}

/** Keeps what the app remembers for itself. */
export class AppMemory {
  #document: AppMemoryDocument;
  readonly #store: DocumentStore;
  readonly #log: Log;

  constructor(document: AppMemoryDocument, store: DocumentStore, log: Log) {
    this.#document = document;
    this.#store = store;
    this.#log = log;
  }

  get current(): AppMemoryDocument {
    return this.#document;
  }

  /** Kept in memory even when it cannot be written. */
  remember(changes: Partial<AppMemoryDocument>): void {
    this.#document = { ...this.#document, ...changes };
    const saved = this.#store.write({ ...this.#document });
    if (!saved.ok) this.#log.warn({ code: saved.error.code }, 'the state file could not be written');
  }
}
