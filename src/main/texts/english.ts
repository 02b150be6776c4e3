import { describePauseReason, deviceText } from '../../protocol/compute/pause-reason';
import type { LayersOfModel, Texts } from './texts';

function layersOf({ start, end, model }: LayersOfModel): string {
  return `${start === end ? `layer ${start}` : `layers ${start}-${end}`} of ${model}`;
}

function counted(count: number, what: string): string {
  return `${count.toLocaleString('en-US')} ${what}${count === 1 ? '' : 's'}`;
}

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);

export const english: Texts = {
  tray: {
    pauses: {
      minutes15: 'Pause for 15 minutes',
      hour: 'Pause for 1 hour',
      hours4: 'Pause for 4 hours',
      morning: 'Pause until tomorrow, 07:00',
      resumed: 'Pause until resumed',
    },
    finishFirst: 'Finish what runs, then pause',
    open: 'Open Tore',
    quit: 'Quit',
    retry: 'Try again',
    resume: 'Resume',
    balance: (gft) => `Balance ${gft} GFT`,
    served: (requests) => `${requests} ${requests === 1 ? 'request' : 'requests'} served`,
  },
  state: {
    off: 'Not running',
    preparing: {
      identity: 'Preparing the key of this computer',
      hardware: 'Reading the hardware',
      benchmark: 'Measuring this computer',
      model: 'Reading the model',
    },
    connecting: 'Connecting to the coordinator',
    registering: 'Registering this computer',
    loading: (layers) => `Loading ${layersOf(layers)}`,
    serving: (layers, isWorking, tokensPerSecond) => {
      const speed = tokensPerSecond === null ? '' : `, ${tokensPerSecond} tokens/s`;
      return `${isWorking ? 'Working on' : 'Serving'} ${layersOf(layers)}${speed}`;
    },
    waiting: (message, time) => `${message} Next attempt at ${time}.`,
    pausedUntilResumed: 'Paused until resumed',
    pausedUntil: (time) => `Paused until ${time}`,
    awaitingConsent: 'Waiting for your agreement in the window',
    paused: (reason) => `Paused: ${lowerFirst(reason)}`,
  },
  pauseReason: describePauseReason,
  events: {
    earned: (gft) => `Earned ${gft} GFT for work done.`,
    received: (gft) => `Received ${gft} GFT.`,
    expired: (gft) => `${gft} GFT expired, a year after they were earned.`,
    penalty: (gft) => `The coordinator took ${gft} GFT as a penalty.`,
    spent: (gft, tokens, model) => `Paid ${gft} GFT for ${tokens} tokens of ${model}.`,
    challenge: (layers, verdict, message) => {
      const said = { passed: 'passed.', failed: 'failed.', error: 'could not be judged.' }[verdict];
      return `Challenge on ${layersOf(layers)} ${said} ${verdict === 'passed' ? '' : message}`.trim();
    },
    covered: (model) => `Every layer of ${model} is held; it can answer.`,
    uncovered: (model, layers, count) => `Nobody holds ${count === 1 ? 'layer' : 'layers'} ${layers} of ${model}.`,
    layersHere: (model) => `The layers of ${model} are on this computer.`,
  },
  records: {
    newVersion: (version) => `Tore ${version} runs for the first time.`,
    damaged: (path) =>
      `The file of statistics and the event log was damaged. It was kept as ${path}, and a new one begun.`,
    connected: (name, transport) => `Connected to ${name} over ${transport === 'http' ? 'HTTP' : 'a WebSocket'}.`,
    served: (requests, tokens) => `Served ${counted(requests, 'request')} with ${counted(tokens, 'token')}.`,
    failed: (requests) => `${counted(requests, 'request')} failed here.`,
    deviceSnoozed: (device, minutes) =>
      `You paused ${deviceText(device)} ${minutes === null ? 'until it is resumed' : `for ${minutes} min`}.`,
    deviceResumed: (device) => `You resumed ${deviceText(device)}.`,
    problem: 'Tore cannot work',
    milestone: 'A milestone',
    milestones: {
      requests: (count) =>
        count === 1
          ? 'This computer helped to answer its first question.'
          : `${counted(count, 'request')} served since the beginning.`,
      teraflops: (count) => `${counted(count, 'teraFLOP')} of work done since the beginning.`,
      gft: (count) => `${count.toLocaleString('en-US')} GFT earned since the beginning.`,
      hours: (count) => `${counted(count, 'hour')} of serving since the beginning.`,
    },
  },
  removal: {
    title: 'Not everything was removed',
    left: (folder, names) => `Remove what is left in ${folder} yourself:\n\n${names}`,
  },
  dialogs: {
    export: 'Export',
    exportFolder: 'Choose a folder to export into',
    import: 'Choose what to import',
    projectFiles: 'Choose files for the project',
    model: 'Choose a model',
    keyBackup: 'Choose the backup of a key',
    record: 'Choose a discovery record',
    agreement: 'Choose an agreement',
    statistics: 'Save statistics',
    eventLog: 'Save the event log',
    report: 'Save the report',
  },
};
