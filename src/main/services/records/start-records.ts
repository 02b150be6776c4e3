import { cpus } from 'node:os';
import type { CoordinatorNotice, LogKind } from '../../../contract/records';
import type { StartEngine } from '../../../node';
import type { Settings } from '../../../contract/settings';
import type { AppEvent } from '../../../contract/snapshot';
import type { NodeSnapshot } from '../../../protocol/compute/node-snapshot';
import { registerRecordCalls } from '../../ipc/calls/record-calls';
import type { CallRegistry } from '../../ipc/call-registry';
import type { Texts } from '../../texts/texts';
import type { FileDialogs } from '../../windows/file-dialogs';
import type { MainWindow } from '../../windows/main-window';
import { showNotification } from '../../windows/show-notification';
import type { DataFolders } from '../folders';
import type { Log } from '../log';
import type { NodeService } from '../node-service';
import { balanceText } from '../node-texts';
import type { PolicyService } from '../policy-service';
import type { SettingsService } from '../settings-service';
import type { SnapshotService } from '../snapshot-service';
import { startSupport } from '../support/start-support';
import type { Surroundings } from '../surroundings/surroundings';
import type { Timers } from '../timers';
import { EventRecorder } from './event-recorder';
import { GridReader } from './grid-reader';
import { Notifier } from './notifier';
import { RecordsService } from './records-service';
import { WorkRecorder } from './work-recorder';

/** Unread notices the window is shown at once; the others are in its list. */
const MAX_SHOWN_NOTICES = 5;
/** A problem that passes by itself within this time is none of the person's. */
const PROBLEM_AFTER_MS = 120_000;
/** The same problem is told of again after this time at the earliest. */
const SAME_PROBLEM_MS = 7 * 86_400_000;

export interface StartRecordsOptions {
  readonly folders: Pick<DataFolders, 'records' | 'node' | 'log'>;
  readonly shippedModel: string;
  readonly startEngine: StartEngine;
  readonly node: NodeService;
  readonly surroundings: Surroundings;
  readonly policy: PolicyService;
  readonly settings: SettingsService;
  readonly snapshots: SnapshotService;
  readonly addEvent: (kind: AppEvent['kind'], text: string) => void;
  readonly dialogs: FileDialogs;
  readonly window: MainWindow;
  readonly texts: () => Texts;
  readonly timers: Timers;
  readonly log: Log;
}

export interface RunningRecords {
  /** An event of the dashboard's list, for the log. */
  onEvent(kind: AppEvent['kind'], text: string): void;
  onSnapshot(node: NodeSnapshot): void;
  addLogEntry(kind: LogKind, text: string): void;
  registerCalls(calls: CallRegistry): void;
  close(): Promise<void>;
}

/** Starts keeping statistics, the event log and notices; self-test and reports of a problem come with it. */
export function startRecords(options: StartRecordsOptions): RunningRecords {
  const { folders, node, surroundings, snapshots, window, texts, timers } = options;
  const log = options.log.child({ part: 'records' });
  const settings = (): Settings => options.settings.current;
  const service = new RecordsService({
    file: folders.records,
    snapshot: () => snapshots.snapshot,
    settings: () => settings().statistics,
    texts,
    saveFile: (title, name, ending) => options.dialogs.saveFile(title, name, ending),
    onMilestone: ({ kind, value }, text) => {
      options.addEvent('notice', text);
      void notifier.notify('milestone', `${kind}:${value}`, texts().records.milestone, text);
    },
    onNotice: (text) => options.addEvent('notice', text),
    timers,
    log,
  });
  const notifier = new Notifier({
    settings: () => settings().notifications,
    fullScreen: () => surroundings.readFullScreen().catch(() => null),
    watched: () => window.visible && window.browserWindow?.isFocused() === true,
    isFirst: (key) => service.isFirst('shown', key),
    show: (title, text) => showNotification(title, text, () => window.show()),
    timers,
  });
  const grid = new GridReader(node, () => settings().region, timers);
  const work = new WorkRecorder({
    node: () => node.snapshot(),
    power: () => ({
      ownCpuPercent: surroundings.view.ownCpuPercent,
      otherCpuPercent: surroundings.view.otherCpuPercent,
      packageWatts: surroundings.view.watts,
      graphicsWatts: surroundings.graphicsWatts,
      cores: cpus().length,
      fullLoadWatts: settings().statistics.fullLoadWatts,
    }),
    renewableFraction: () => grid.renewableFraction,
    write: (samples) => service.addWork(samples),
    timers,
    monotonicMs: () => performance.now(),
  });
  const events = new EventRecorder({
    node: () => node.snapshot(),
    write: (atMs, kind, text) => service.addLogEntry(atMs, kind, text),
    texts,
    timers,
  });

  const publishUnread = async (): Promise<void> => {
    const notices = await service.notices();
    if (!notices.ok) return;
    snapshots.update({ unreadNotices: notices.value.filter(({ read }) => !read).slice(0, MAX_SHOWN_NOTICES) });
  };
  const takeNotice = async (kind: CoordinatorNotice['kind'], text: string): Promise<void> => {
    const { name, url } = node.snapshot().coordinator;
    const from = name ?? url;
    if (!(await service.addNotice(kind, text, from))) return;
    await publishUnread();
    await notifier.notify('notice', `${from}:${text}`, from, text);
  };
  const problems = new ProblemWatch(timers, (code, text) => {
    const period = Math.floor(timers.now() / SAME_PROBLEM_MS);
    void notifier.notify('problem', `${code}:${period}`, texts().records.problem, text);
  });

  const unsubscribe = [
    node.node.on('balance', (event) => {
      work.onBalance(event.amountMicroGft, event.eventType);
      const { eventType } = event;
      const told = balanceText(event, texts());
      if (told !== null && (eventType === 'expiry' || eventType === 'penalty')) void takeNotice(eventType, told.text);
    }),
    node.node.on('challenge', (record) => work.onChallenge(record)),
    node.node.on('notice', ({ text, from }) => {
      if (from === 'coordinator') void takeNotice('message', text);
    }),
  ];
  let suspension: string | null = null;
  void publishUnread();
  const { appVersion } = snapshots.snapshot;
  void service.isFirst('version', appVersion).then((first) => {
    if (first) events.add('update', texts().records.newVersion(appVersion));
  });

  return {
    onEvent: (kind, text) => events.onEvent(kind, text),
    onSnapshot: (snapshot) => {
      work.onSnapshot(snapshot);
      events.onSnapshot(snapshot);
      problems.onState(snapshot.state);
      if (snapshot.state.kind === 'serving') grid.refresh();
      const { state } = snapshot;
      const message = state.kind === 'paused' && state.reason.kind === 'suspended' ? state.reason.message : null;
      if (message !== null && message !== suspension) void takeNotice('policy', message);
      suspension = message;
    },
    addLogEntry: (kind, text) => events.add(kind, text),
    registerCalls: (calls) => {
      registerRecordCalls(calls, service, () => void publishUnread());
      startSupport(calls, {
        ...options,
        newestLogEntries: () => service.logPage({ kinds: [], fromMs: null, untilMs: null, text: '' }, 0),
      });
    },
    close: async () => {
      for (const end of unsubscribe) end();
      problems.close();
      grid.close();
      events.close();
      await work.close();
      await service.close();
    },
  };
}

/** Notices that the node cannot work and that nothing but its person will change it. */
class ProblemWatch {
  readonly #timers: Timers;
  readonly #onProblem: (code: string, text: string) => void;
  #code: string | null = null;
  #cancel: (() => void) | null = null;

  constructor(timers: Timers, onProblem: (code: string, text: string) => void) {
    this.#timers = timers;
    this.#onProblem = onProblem;
  }

  onState(state: NodeSnapshot['state']): void {
    const problem =
      state.kind === 'failed'
        ? { code: state.error.code, text: [state.error.message, state.error.suggestion].filter(Boolean).join(' ') }
        : state.kind === 'paused' && state.reason.kind === 'suspended'
          ? { code: 'suspended', text: state.reason.message }
          : null;
    if ((problem?.code ?? null) === this.#code) return;
    this.close();
    this.#code = problem?.code ?? null;
    if (problem === null) return;
    this.#cancel = this.#timers.after(PROBLEM_AFTER_MS, () => this.#onProblem(problem.code, problem.text));
  }

  close(): void {
    this.#cancel?.();
    this.#cancel = null;
  }
}
