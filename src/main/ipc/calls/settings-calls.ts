import { isAbsolute } from 'node:path';
import type { SettingsPatch } from '../../../contract/calls';
import { parseCoordinatorUrl } from '../../../node';
import { success, type Result } from '../../../protocol/result';
import { mainFailure } from '../../errors';
import type { AccessTokens } from '../../services/access-tokens';
import type { Invitations } from '../../services/invitations';
import type { SettingsService } from '../../services/settings-service';
import { isoTime, type Timers } from '../../services/timers';
import type { CallRegistry } from '../call-registry';

export interface SettingsCallDependencies {
  readonly settings: SettingsService;
  readonly accessTokens: AccessTokens;
  readonly invitations: Invitations;
  /** An access token or an invitation was set or removed. */
  readonly onSecret: () => void;
  readonly timers: Timers;
}

export function registerSettingsCalls(calls: CallRegistry, dependencies: SettingsCallDependencies): void {
  const { settings, accessTokens, invitations, onSecret, timers } = dependencies;
  calls.registerCall('welcome:accept', ({ region }) =>
    asNull(settings.accept(settings.current.consentAt ?? isoTime(timers.now()), region)),
  );
  calls.registerCall('settings:update', (patch) => {
    const checked = checkPatch(patch);
    return checked.ok ? asNull(settings.update(checked.value)) : checked;
  });
  calls.registerCall('settings:set-access-token', async ({ url, accessToken }) => {
    const coordinator = parseCoordinatorUrl(url);
    if (!coordinator.ok) return coordinator;
    const saved = await accessTokens.set(coordinator.value.base, accessToken);
    if (saved.ok) onSecret();
    return asNull(saved);
  });
  calls.registerCall('settings:set-invitation', async ({ invitation }) => {
    const saved = await invitations.set(settings.current.coordinator, invitation);
    if (saved.ok) onSecret();
    return asNull(saved);
  });
}

function asNull<Code extends string>(result: Result<unknown, Code>): Result<null, Code> {
  return result.ok ? success(null) : result;
}

/** What a schema cannot say about settings. */
function checkPatch(patch: SettingsPatch): Result<SettingsPatch> {
  const layers = patch.contribution?.layerChoice;
  if (layers?.kind === 'range' && layers.end < layers.start) {
    return mainFailure('payload-invalid', 'The last layer comes before the first one.');
  }
  const folder = patch.contribution?.modelFolder;
  if (typeof folder === 'string' && !isAbsolute(folder)) {
    return mainFailure('payload-invalid', 'The folder of the model must be a full path.');
  }
  if (patch.coordinator?.kind !== 'remote') return success(patch);
  const url = parseCoordinatorUrl(patch.coordinator.url);
  return url.ok ? success({ ...patch, coordinator: { kind: 'remote', url: url.value.base } }) : url;
}
