import { randomBytes, randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  app,
  clipboard,
  ipcMain,
  nativeImage,
  nativeTheme,
  net,
  powerMonitor,
  powerSaveBlocker,
  safeStorage,
  shell,
} from 'electron';
import systemInformation from 'systeminformation';
import { toMicroGft } from '../protocol/compute/micro-gft';
import { languageOf } from '../contract/language';
import type { AppPlaces, RunningApp } from './app-places';
import { finish } from './finish';
import { registerAppCalls } from './ipc/calls/app-calls';
import { CallRegistry } from './ipc/call-registry';
import { registerBaseCalls } from './ipc/register-base-calls';
import { createSendEvent } from './ipc/send-event';
import { EmbeddedCoordinator } from './processes/embedded-coordinator';
import { EngineHost } from './processes/engine-host';
import { startUtilityProcess } from './processes/utility-process';
import { AccessTokens } from './services/access-tokens';
import { AppMemory, loadAppMemory } from './services/app-memory';
import { nodeAnswerSource } from './services/chat/node-answer-source';
import { startConversations } from './services/start-conversations';
import { CoordinatorService } from './services/coordinator-service';
import { DeepLinkDesk } from './services/deep-links/deep-link-desk';
import { EventList } from './services/event-list';
import { createContributor } from './services/create-contributor';
import { createLocalApi } from './services/create-local-api';
import { dataFolders } from './services/folders';
import { headlessNodeCommand } from './services/headless-node-command';
import { startHosts } from './services/hosts/start-hosts';
import { initialSnapshot } from './services/initial-snapshot';
import { Invitations } from './services/invitations';
import { KeepAwake } from './services/keep-awake';
import type { Log } from './services/log';
import { loadShelf } from './services/models/shelf-document';
import { startModels } from './services/models/start-models';
import { NodeService } from './services/node-service';
import { neededReadings, PolicyService } from './services/policy-service';
import { PowerService } from './services/power';
import { startRecords, type RunningRecords } from './services/records/start-records';
import { PauseMemory } from './services/requested-pause';
import { SecretVault } from './services/secret-vault';
import { startResearch } from './services/start-research';
import { loadSettings } from './services/settings-document';
import { SettingsService } from './services/settings-service';
import { injectedReadings } from './services/surroundings/injected-readings';
import { Surroundings } from './services/surroundings/surroundings';
import { SnapshotService } from './services/snapshot-service';
import { systemTimers as timers } from './services/timers';
import { startsHidden } from './services/system/login-item';
import { startSystem } from './services/system/start-system';
import { TrayService } from './services/tray';
import { trayActions } from './services/tray-actions';
import { buildTrayModel } from './services/tray-model';
import { openOwnModels, ownModelAnswerSource } from './services/own-models/start-own-models';
import { openElectronDocumentStore } from './storage/electron-document-store';
import type { Texts } from './texts/texts';
import { textsOf } from './texts/texts-of';
import { FileDialogs } from './windows/file-dialogs';
import { MainWindow } from './windows/main-window';

/** Enough for a first chat before anything was earned (tore-0001, opening grant). */
const OPENING_GRANT_GFT = 10;

/** Colour behind the page until it is drawn, as its own surfaces. */
const BACKGROUND = { light: '#FAF8F4', dark: '#14161A' } as const;

/** Builds the services, connects them and opens the window. Called once, when Electron is ready. */
export async function startApp(places: AppPlaces, log: Log): Promise<RunningApp> {
  const folders = dataFolders(places.userData);
  const notices: string[] = [];
  const loadedSettings = await loadSettings(folders.settings, timers.now());
  const settings = new SettingsService(
    loadedSettings.settings,
    openElectronDocumentStore('settings', places.userData, 'The settings'),
  );
  const rememberedState = await loadAppMemory(folders.memory, log);
  const shelfDocument = await loadShelf(folders.models, log);
  const memory = new AppMemory(rememberedState, openElectronDocumentStore('state', places.userData, 'The state'), log);
  const opened = await SecretVault.open(folders.secrets, safeStorage, {
    platform: process.platform,
    nowMs: timers.now(),
    log,
  });
  const { vault } = opened;
  for (const notice of [loadedSettings.notice, opened.notice]) if (notice !== null) notices.push(notice);
  const accessTokens = new AccessTokens(vault);
  const invitations = new Invitations(vault);
  const pauses = new PauseMemory(memory, timers);

  // --- What a window shows ---------------------------------------------------------------------------------------
  nativeTheme.themeSource = settings.current.theme;
  // The window exists first, though unseen: everything below may want to send it something.
  const window = new MainWindow({
    page: places.address.page,
    preload: places.preload,
    icon: process.platform === 'linux' ? join(places.shipped.icons, 'app', '256x256.png') : null,
    backgroundColor: () => (nativeTheme.shouldUseDarkColors ? BACKGROUND.dark : BACKGROUND.light),
    textScale: () => settings.current.textScale,
    // Without a tray a hidden window could only be brought back by starting the app again.
    hidesOnClose: () => process.platform === 'darwin' || (settings.current.closeToTray && tray.available),
    onVisibility: (visible) => {
      if (!visible) return;
      models.service.refreshSoon();
      surroundings.refresh();
    },
    onClosed: () => app.quit(),
    onRecovery: (text) => addEvent('notice', text),
    memory,
    timers,
    log,
  });
  const send = createSendEvent(() => window.webContents);
  const snapshots = new SnapshotService(
    initialSnapshot({
      appVersion: app.getVersion(),
      settings: settings.current,
      hasRemoteAccessToken: accessTokens.has(settings.current.coordinator),
      hasInvitation: invitations.has(settings.current.coordinator),
      secretsEncrypted: vault.encrypted,
    }),
    send,
    timers,
  );
  const events = new EventList(timers, (list) => snapshots.update({ events: list }));
  const texts = (): Texts => textsOf(languageOf(settings.current.language, app.getPreferredSystemLanguages()));
  const dialogs = new FileDialogs(() => window.browserWindow, texts);
  let records: RunningRecords | null = null;
  const addEvent: EventList['add'] = (kind, text) => {
    events.add(kind, text);
    records?.onEvent(kind, text);
  };
  for (const notice of notices) addEvent('notice', notice);

  // --- Processes --------------------------------------------------------------------------------------------------
  const embeddedToken = await accessTokens.embedded();
  if (!embeddedToken.ok) throw new Error(embeddedToken.error.message);
  // Only this app administers its own coordinator, and only while both run: the token need not be kept.
  const administratorToken = randomBytes(32).toString('base64url');
  await mkdir(folders.coordinatorFolder, { recursive: true, mode: 0o700 });
  const engines = new EngineHost(
    () => startUtilityProcess(join(places.entryFolder, 'engine-process.js'), 'Tore inference'),
    log.child({ process: 'engine' }),
    timers,
  );
  const embedded = new EmbeddedCoordinator({
    start: () => startUtilityProcess(join(places.entryFolder, 'coordinator-process.js'), 'Tore coordinator'),
    configuration: () => ({
      name: 'This computer',
      preferredPort: memory.current.coordinatorPort,
      databaseFile: folders.coordinatorDatabase,
      accessToken: embeddedToken.value,
      administratorToken,
      tokenEconomy: settings.current.embeddedTokenEconomy,
      openingGrantMicroGft: toMicroGft(OPENING_GRANT_GFT),
      modelFolders: [places.shipped.model],
    }),
    onPort: (coordinatorPort) => memory.remember({ coordinatorPort }),
    onCrash: (text) => addEvent('notice', text),
    onState: (embeddedCoordinator) => {
      snapshots.update({ embeddedCoordinator });
      if (embeddedCoordinator.kind === 'failed') addEvent('error', embeddedCoordinator.error.message);
      coordinators.update();
    },
    log: log.child({ process: 'coordinator' }),
    timers,
  });

  // --- The node and what it reads ---------------------------------------------------------------------------------
  const power = new PowerService({
    monitor: powerMonitor,
    readBatteryPercent: async () => {
      const battery = await systemInformation.battery();
      return battery.hasBattery ? battery.percent : null;
    },
    onReadings: (readings) => nodeService.applyPower(readings),
    onSuspend: () => log.info({}, 'the computer goes to sleep'),
    onResume: () => nodeService.wokeUp(),
    timers,
    log,
  });
  const nodeService = new NodeService({
    createNode: createContributor({ dataFolder: folders.node, appVersion: app.getVersion(), vault, engines, log }),
    shippedModelFolder: places.shipped.model,
    settings: settings.current,
    power: power.readings,
    pauses,
    onSnapshot: (node) => {
      snapshots.update({ node });
      records?.onSnapshot(node);
      const { state, nodeId, coordinator } = node;
      const seen = [state.kind, nodeId, coordinator.url, coordinator.transport].join('|');
      if (seen !== lastSeen) {
        models.service.refreshSoon();
        surroundings.refresh();
      }
      lastSeen = seen;
    },
    onCoverageChanged: () => models.service.refreshSoon(),
    addEvent,
    texts,
    formatClock,
    timers,
  });
  let lastSeen = '';
  const surroundings = new Surroundings({
    needs: () => neededReadings(nodeService, settings.current.policy, window.visible),
    onReadings: (readings) => nodeService.applySurroundings(readings),
    systemIdleSeconds: () => powerMonitor.getSystemIdleTime(),
    ownCpuPercent: () => app.getAppMetrics().reduce((sum, { cpu }) => sum + cpu.percentCPUUsage, 0),
    shardFolder: join(folders.node, 'shards'),
    injected: injectedReadings(app.isPackaged, process.env),
    environment: process.env,
    platform: process.platform,
    timers,
    log: log.child({ part: 'readings' }),
  });
  const policy = new PolicyService({
    node: nodeService,
    surroundings: () => surroundings,
    settings: () => settings.current,
    power: () => power.readings,
    memory,
    onDevice: (text) => records?.addLogEntry('snooze', text),
    texts,
    timers,
  });
  records = startRecords({
    folders,
    shippedModel: places.shipped.model,
    startEngine: engines.startEngine,
    node: nodeService,
    surroundings,
    policy,
    settings,
    snapshots,
    addEvent,
    dialogs,
    window,
    texts,
    timers,
    log,
  });
  for (const { kind, text } of events.events.toReversed()) records.onEvent(kind, text);
  const models = startModels({
    folders,
    document: shelfDocument,
    shippedFolder: places.shipped.model,
    appVersion: app.getVersion(),
    startEngine: engines.startEngine,
    nodeService,
    vault,
    isVisible: () => window.visible,
    onModels: (list) => snapshots.update({ models: list }),
    onCoverage: (coverage) => snapshots.update({ coverage }),
    settings: () => settings.current,
    saveSettings: (patch) => settings.update(patch),
    dialogs: () => dialogs,
    send,
    addEvent,
    texts,
    timers,
    log,
  });
  const coordinators = new CoordinatorService({
    embedded,
    accessTokens,
    invitations,
    embeddedToken: embeddedToken.value,
    settings: settings.current,
    onTarget: (target) => {
      nodeService.setTarget(target);
      research.setTarget(target);
    },
    nodeCommand: () =>
      headlessNodeCommand({
        entryFolder: places.entryFolder,
        contribution: settings.current.contribution,
        shippedModel: places.shipped.model,
      }),
  });

  const ownModels = await openOwnModels(folders.ownModels, vault, {
    networkModelId: () => nodeService.ownModelId,
    contextLengthOf: (modelId) => models.service.contextLengthOf(modelId),
    addNotice: (text) => addEvent('notice', text),
    timers,
  });

  // --- Library and Chat -------------------------------------------------------------------------------------------
  const { library, chat, takeOldConversations, registerCalls } = startConversations({
    folders,
    temporaryFolder: app.getPath('temp'),
    entryFolder: places.entryFolder,
    dialogs,
    sources: [
      ownModelAnswerSource(ownModels, timers),
      nodeAnswerSource(nodeService.node, (modelId) => models.service.contextLengthOf(modelId)),
    ],
    settings: () => settings.current.chat,
    publish: (conversations) => snapshots.update({ conversations }),
    fetchAddress: (address, options) => net.fetch(address, options),
    startDrag: (files) => {
      const [file = ''] = files;
      const icon = nativeImage.createFromPath(join(places.shipped.icons, 'app', '64x64.png'));
      window.webContents?.startDrag({ file, files: [...files], icon });
    },
    send,
    addEvent,
    texts,
    timers,
    log,
  });

  // --- Discovery, agreements, group sessions ----------------------------------------------------------------------
  const research = await startResearch({
    folders,
    vault,
    accessTokens,
    ownModels,
    node: nodeService,
    dialogs,
    send,
    addEvent,
    timers,
    log,
  });

  // --- Start at log-in, updates, removal --------------------------------------------------------------------------
  if (memory.current.installationId === '') memory.remember({ installationId: randomUUID() });
  const system = startSystem({
    userData: places.userData,
    installationId: memory.current.installationId,
    settings: () => settings.current,
    activity: () => ({
      requestsRun: nodeService.snapshot().requestsActive > 0 || chat.answering,
      windowVisible: window.visible,
    }),
    trayAvailable: () => tray.available,
    send,
    texts,
    endThen: places.endThen,
    timers,
    log: log.child({ part: 'system' }),
  });

  // --- Tray -------------------------------------------------------------------------------------------------------
  const act = trayActions({
    show: () => window.show(),
    policy,
    retry: () => retry(),
    quit: () => app.quit(),
    timers,
  });
  const tray = new TrayService(places.shipped.icons, act, log);
  const showTray = (): void => tray.show(buildTrayModel(nodeService.snapshot(), formatClock, texts()));
  snapshots.onChange(showTray);
  const keepAwake = new KeepAwake(powerSaveBlocker);
  snapshots.onChange(({ node }) => keepAwake.update(settings.current.policy.keepAwake, node.state));
  const retry = (): void => {
    engines.forgetCrashes();
    coordinators.retry();
    nodeService.retry();
  };

  settings.onChange((current, previous) => {
    if (current.theme !== previous.theme) nativeTheme.themeSource = current.theme;
    if (current.textScale !== previous.textScale) window.applyTextScale();
    snapshots.update({
      settings: current,
      hasRemoteAccessToken: accessTokens.has(current.coordinator),
      hasInvitation: invitations.has(current.coordinator),
    });
    coordinators.applySettings(current);
    nodeService.applySettings(current);
    surroundings.refresh();
    models.service.refreshSoon();
    models.shelf.settingsChanged();
    system.settingsChanged(current, previous);
  });

  // --- Calls of the window ----------------------------------------------------------------------------------------
  const calls = new CallRegistry(
    ipcMain,
    { webContentsId: () => window.webContents?.id ?? null, origin: places.address.origin },
    log.child({ part: 'ipc' }),
  );
  const links = new DeepLinkDesk(send, log.child({ part: 'links' }));
  registerAppCalls(calls, {
    snapshots,
    links,
    copyText: (text) => clipboard.writeText(text),
    quit: () => app.quit(),
    openAddress: (address) => shell.openExternal(address),
  });
  registerBaseCalls(calls, {
    settings,
    accessTokens,
    invitations,
    snapshots,
    coordinators,
    policy,
    nodeService,
    chat,
    ownModels,
    dialogs,
    embedded,
    administratorToken,
    vault,
    retry,
    timers,
  });
  models.registerCalls(calls);
  records.registerCalls(calls);
  system.registerCalls(calls);
  const hosts = await startHosts({ file: folders.hosts, userData: places.userData, vault, log });
  hosts.registerCalls(calls);
  registerCalls(calls);
  research.registerCalls(calls);
  const localApi = createLocalApi(calls, { node: nodeService, folder: folders.node, settings, timers, log });

  // --- Start ------------------------------------------------------------------------------------------------------
  snapshots.update({ node: nodeService.snapshot() });
  showTray();
  if (!startsHidden(places.arguments, tray.available, settings.current.consentAt !== null)) window.show();
  system.start();
  coordinators.start();
  models.shelf.start();
  await Promise.all([takeOldConversations(), localApi.start()]);

  return {
    show: () => window.show(),
    openFiles: (paths) => {
      window.show();
      library.openFiles(paths);
    },
    openLinks: (opened) => {
      window.show();
      links.open(opened);
    },
    prepareToQuit: () => window.prepareToQuit(),
    close: async () => {
      await finish('local endpoint', localApi.close(), log);
      await finish('chat', chat.close(), log);
      await finish('library', library.close(), log);
      await finish('research', research.close(), log);
      await finish('models', models.close(), log);
      power.close();
      surroundings.close();
      system.close();
      hosts.close();
      keepAwake.close();
      policy.close();
      await finish('node', nodeService.close(), log);
      await finish('records', records?.close() ?? Promise.resolve(), log);
      await Promise.all([finish('engine', engines.close(), log), finish('coordinator', coordinators.close(), log)]);
      tray.close();
    },
  };
}

/** Time of day as this computer writes it. */
function formatClock(time: string): string {
  return new Date(time).toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit' });
}
