import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { ZipFile } from 'yazl';
import type { LogPage } from '../../../contract/records';
import type { Settings } from '../../../contract/settings';
import type { ReportFile, ReportView, SelfTestView } from '../../../contract/support';
import type { NodeSnapshot } from '../../../protocol/compute/node-snapshot';
import { success, type Result } from '../../../protocol/result';
import { mainFailure } from '../../errors';
import { TEMPORARY_ENDING, writeFailure } from '../../storage/atomic-file';
import { isoTime, type Timers } from '../timers';
import { Redactor, type PrivateWords } from './redact';

/** The newest part of the log: days of ordinary work, and little enough to read through. */
const MAX_LOG_BYTES = 300_000;

export interface ProblemReportOptions {
  readonly versions: Readonly<Record<string, string>>;
  readonly settings: () => Settings;
  readonly node: () => NodeSnapshot;
  readonly selfTest: () => SelfTestView;
  /** The newest lines of the event log. */
  readonly events: () => Promise<Result<LogPage>>;
  readonly logFile: string;
  readonly privateWords: () => PrivateWords;
  readonly saveFile: (suggestedName: string, ending: string) => Promise<string | null>;
  readonly timers: Timers;
}

/** Settings without what names people, places, programs or addresses. */
function plainSettings(settings: Settings): object {
  const { coordinator, contribution, policy, region, localApi, ...others } = settings;
  return {
    ...others,
    region: region === null ? 'not set' : 'set',
    coordinator: { kind: coordinator.kind },
    localApi: { enabled: localApi.enabled },
    contribution: { ...contribution, modelFolder: contribution.modelFolder === null ? 'shipped' : 'own folder' },
    policy: { ...policy, exclusivePrograms: policy.exclusivePrograms.length },
  };
}

/** The node without its ids, keys, address and account. */
function plainNode(node: NodeSnapshot): object {
  const { nodeId, publicKey, balanceMicroGft: _balance, coordinator, challenges, ...others } = node;
  return {
    ...others,
    registered: nodeId !== null,
    hasKey: publicKey !== null,
    coordinator: {
      version: coordinator.version,
      transport: coordinator.transport,
      tokenMode: coordinator.tokenMode,
    },
    challenges: challenges.map(({ modelId, range, verdict, durationMs, message }) => ({
      modelId,
      range,
      verdict,
      durationMs,
      message,
    })),
  };
}

/** Builds reports of a problem: shown to the person first, saved exactly as shown, and sent nowhere. */
export class ProblemReports {
  readonly #options: ProblemReportOptions;
  /** The report on show; a newer one takes its place. */
  #prepared: ReportView | null = null;

  constructor(options: ProblemReportOptions) {
    this.#options = options;
  }

  async prepare(description: string): Promise<ReportView> {
    const { versions, settings, node, selfTest, events, privateWords, timers } = this.#options;
    const redactor = new Redactor(privateWords());
    const file = (name: string, text: string): ReportFile => ({ name, text: redactor.redact(text) });
    const json = (name: string, value: unknown): ReportFile => file(name, `${JSON.stringify(value, null, 2)}\n`);
    const page = await events();
    const lines = page.ok ? page.value.entries.map(({ at, kind, text }) => `${at} ${kind}: ${text}`) : [];
    const { finishedAt, checks } = selfTest();
    const files = [
      // The person's own words are theirs to choose; they are saved as they were typed.
      ...(description.trim() === '' ? [] : [{ name: 'description.txt', text: `${description.trim()}\n` }]),
      json('versions.json', { ...versions, reportedAt: isoTime(timers.now()) }),
      json('computer.json', plainNode(node())),
      json('settings.json', plainSettings(settings())),
      json('self-test.json', finishedAt === null ? 'not run' : { finishedAt, checks }),
      file('events.txt', `${lines.join('\n')}\n`),
      file('log.txt', await endOfFile(this.#options.logFile)),
    ];
    this.#prepared = { id: randomUUID(), files };
    return this.#prepared;
  }

  async save(id: string): Promise<Result<{ readonly path: string } | null>> {
    const report = this.#prepared;
    if (report === null || report.id !== id) {
      return mainFailure('report-outdated', 'This report is no longer there; nothing was saved.', {
        suggestion: 'Prepare it again.',
      });
    }
    const path = await this.#options.saveFile('tore-report.zip', 'zip');
    if (path === null) return success(null);
    const temporary = `${path}.${report.id}${TEMPORARY_ENDING}`;
    try {
      const zip = new ZipFile();
      // A fixed time: the files' own would say when the person was at the computer.
      const options = { mtime: new Date(Date.UTC(2026, 0, 1)), mode: 0o100644 };
      for (const { name, text } of report.files) zip.addBuffer(Buffer.from(text, 'utf8'), name, options);
      zip.end();
      await pipeline(zip.outputStream, createWriteStream(temporary, { mode: 0o600 }));
      await rename(temporary, path);
      return success({ path });
    } catch (thrown) {
      await rm(temporary, { force: true });
      return writeFailure('The report', thrown);
    }
  }
}

/** The end of a text file, from the beginning of a line on; empty where there is no file. */
async function endOfFile(path: string): Promise<string> {
  let handle;
  try {
    handle = await open(path, 'r');
  } catch {
    return '';
  }
  try {
    const { size } = await handle.stat();
    const start = Math.max(0, size - MAX_LOG_BYTES);
    const bytes = Buffer.alloc(size - start);
    await handle.read(bytes, 0, bytes.length, start);
    const text = bytes.toString('utf8');
    return start === 0 ? text : text.slice(text.indexOf('\n') + 1);
  } finally {
    await handle.close();
  }
}
