import { join } from 'node:path';
import { v7 as uuidV7 } from 'uuid';
import type { ConversationSummary } from '../../contract/chat';
import type { ChatSettings } from '../../contract/settings';
import type { AppEvent } from '../../contract/snapshot';
import type { CallRegistry } from '../ipc/call-registry';
import { registerLibraryCalls } from '../ipc/calls/library-calls';
import { registerProjectCalls } from '../ipc/calls/project-calls';
import type { SendEvent } from '../ipc/send-event';
import { startUtilityProcess } from '../processes/utility-process';
import type { Texts } from '../texts/texts';
import type { FileDialogs } from '../windows/file-dialogs';
import { joinAnswerSources, type AnswerSource } from './chat/answer-source';
import { ChatService } from './chat/chat-service';
import { LibraryConversationStore } from './chat/conversation-store';
import { moveConversationFiles } from './chat/move-conversation-files';
import type { DataFolders } from './folders';
import type { FetchAddress } from './library/fetch-attachment';
import { HandoffDrafts } from './library/handoff-drafts';
import { LibraryFeature } from './library/start-library';
import type { Log } from './log';
import { isoTime, type Timers } from './timers';

export interface ConversationsOptions {
  readonly folders: DataFolders;
  readonly temporaryFolder: string;
  /** Folder of the built entries of main and its processes. */
  readonly entryFolder: string;
  readonly dialogs: FileDialogs;
  /** Where answers come from; the first source that has a model answers for it. */
  readonly sources: readonly AnswerSource[];
  readonly settings: () => ChatSettings;
  /** Shows the list of Chat. */
  readonly publish: (conversations: readonly ConversationSummary[]) => void;
  readonly fetchAddress: FetchAddress;
  /** Lets the system take files along with the pointer. */
  readonly startDrag: (files: readonly string[]) => void;
  readonly send: SendEvent;
  readonly addEvent: (kind: AppEvent['kind'], text: string) => void;
  readonly texts: () => Texts;
  readonly timers: Timers;
  readonly log: Log;
}

export interface Conversations {
  readonly library: LibraryFeature;
  readonly chat: ChatService;
  /** Takes what earlier versions kept as files into the library, then shows the list of Chat. */
  takeOldConversations(): Promise<void>;
  registerCalls(calls: CallRegistry): void;
}

/** Starts the library and Chat, which are two views of one store. */
export function startConversations(options: ConversationsOptions): Conversations {
  const { dialogs, folders, send, addEvent, texts, timers, log } = options;
  const library = new LibraryFeature({
    folder: folders.library,
    temporaryFolder: options.temporaryFolder,
    start: () => startUtilityProcess(join(options.entryFolder, 'library-process.js'), 'Tore library'),
    dialogs: {
      saveFile: (name, ending) => dialogs.saveFile('export', name, ending),
      chooseFolder: () => dialogs.chooseFolder('exportFolder'),
    },
    send,
    addEvent,
    timers,
    log: log.child({ process: 'library' }),
  });
  const source = joinAnswerSources(options.sources);
  const chat = new ChatService({
    store: new LibraryConversationStore(library.access),
    source,
    settings: options.settings,
    send,
    onSummaries: (conversations) => {
      options.publish(conversations);
      library.tellWindow();
    },
    addEvent,
    texts,
    newId: uuidV7,
    timers,
    log: log.child({ part: 'chat' }),
  });
  library.onChanged(() => void chat.libraryChanged());
  return {
    library,
    chat,
    takeOldConversations: async () => {
      const { left } = await moveConversationFiles(folders.conversations, library.access, timers.now());
      for (const { path, reason } of left) {
        addEvent('notice', `A conversation could not be taken into the library: ${reason} The file stays at ${path}`);
      }
      await chat.publishSummaries();
    },
    registerCalls: (calls) => {
      registerLibraryCalls(calls, {
        library,
        chat,
        drafts: new HandoffDrafts({ library: library.access, source, newId: uuidV7, timers }),
        chooseImport: (what) => dialogs.open('import', what),
        fetchAddress: options.fetchAddress,
        startDrag: options.startDrag,
        now: () => isoTime(timers.now()),
      });
      registerProjectCalls(calls, {
        library,
        chooseFiles: () => dialogs.open('projectFiles', 'files'),
        fetchAddress: options.fetchAddress,
      });
    },
  };
}
