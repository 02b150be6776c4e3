import type { EmbeddedCoordinator } from '../processes/embedded-coordinator';
import type { AccessTokens } from '../services/access-tokens';
import { AdministrationService } from '../services/administration-service';
import type { ChatService } from '../services/chat/chat-service';
import { CostEstimator } from '../services/chat/cost-estimator';
import type { CoordinatorService } from '../services/coordinator-service';
import type { Invitations } from '../services/invitations';
import { LedgerService } from '../services/ledger-service';
import type { NodeService } from '../services/node-service';
import type { OwnModelsService } from '../services/own-models/own-models-service';
import type { PolicyService } from '../services/policy-service';
import type { SecretVault } from '../services/secret-vault';
import type { SettingsService } from '../services/settings-service';
import type { SnapshotService } from '../services/snapshot-service';
import type { Timers } from '../services/timers';
import type { FileDialogs } from '../windows/file-dialogs';
import type { CallRegistry } from './call-registry';
import { registerAdministrationCalls } from './calls/administration-calls';
import { registerChatCalls } from './calls/chat-calls';
import { registerCoordinatorCalls } from './calls/coordinator-calls';
import { registerLedgerCalls } from './calls/ledger-calls';
import { registerNodeCalls } from './calls/node-calls';
import { registerPolicyCalls } from './calls/policy-calls';
import { registerSettingsCalls } from './calls/settings-calls';

export interface BaseServices {
  readonly settings: SettingsService;
  readonly accessTokens: AccessTokens;
  readonly invitations: Invitations;
  readonly snapshots: SnapshotService;
  readonly coordinators: CoordinatorService;
  readonly policy: PolicyService;
  readonly nodeService: NodeService;
  readonly chat: ChatService;
  readonly ownModels: OwnModelsService;
  readonly dialogs: FileDialogs;
  readonly embedded: EmbeddedCoordinator;
  readonly administratorToken: string;
  readonly vault: SecretVault;
  readonly retry: () => void;
  readonly timers: Timers;
}

/** The calls about settings, the node, its coordinator and its administration, the chat and the ledger. Other features register their own. */
export function registerBaseCalls(calls: CallRegistry, services: BaseServices): void {
  const { settings, accessTokens, invitations, snapshots, coordinators, policy, nodeService, chat, ownModels } =
    services;
  const { retry, timers } = services;
  registerSettingsCalls(calls, {
    settings,
    accessTokens,
    invitations,
    onSecret: () => {
      const { coordinator } = settings.current;
      snapshots.update({
        hasRemoteAccessToken: accessTokens.has(coordinator),
        hasInvitation: invitations.has(coordinator),
      });
      coordinators.update();
    },
    timers,
  });
  registerNodeCalls(calls, {
    pause: (minutes) => policy.snooze('all', minutes, false),
    resume: () => policy.resume('all'),
    retry,
    measureHardware: () => nodeService.node.measureHardware(),
    answerMove: (accepted) => nodeService.node.models.answerMove(accepted),
  });
  registerPolicyCalls(calls, policy);
  registerCoordinatorCalls(calls, {
    check: (url) => coordinators.check(url),
    joinDetails: () => coordinators.joinDetails(),
  });
  registerChatCalls(calls, {
    chat,
    ownModels,
    estimator: new CostEstimator({
      source: nodeService,
      maxNewTokens: () => settings.current.chat.maxNewTokens,
      answeredBy: () => settings.current.chat.answeredBy,
      inputTokensAtMost: (id, modelId, text) => chat.inputTokensAtMost(id, modelId, text),
    }),
  });
  registerLedgerCalls(
    calls,
    new LedgerService(nodeService, {
      saveFile: (name, ending) => services.dialogs.saveFile('export', name, ending),
      download: (path, file) => nodeService.download(path, file),
    }),
  );
  registerAdministrationCalls(
    calls,
    new AdministrationService({
      choice: () => settings.current.coordinator,
      embedded: () => services.embedded.state,
      embeddedToken: services.administratorToken,
      ownNodeId: () => nodeService.snapshot().nodeId,
      vault: services.vault,
      now: () => timers.now(),
    }),
  );
}
