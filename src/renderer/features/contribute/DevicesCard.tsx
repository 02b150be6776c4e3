import { Button, Menu, SegmentedControl } from '@mantine/core';
import {
  IconCpu,
  IconDeviceDesktop,
  IconNetwork,
  IconPlayerPause,
  IconPlayerPlay,
  type Icon,
} from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import type { DeviceView, PolicyView } from '../../../contract';
import type { DeviceId, DeviceMode, PolicyPreferences } from '../../../protocol/compute/run-preferences';
import { changeSettings } from '../../app/change-settings';
import { callOrNotify } from '../../app/notify';
import { PAUSE_CHOICES, pauseFor } from '../../app/pause-choices';
import { deviceName, pauseReasonText } from '../../app/pause-reason-text';
import { Section } from '../../components/Section';
import { formatBytes, formatCount, formatPercent } from '../../format/numbers';
import { useSnapshot } from '../../stores/snapshot-store';
import { useNow } from '../../stores/use-now';
import { usePicked } from '../../stores/use-picked';
import { usePolicy } from '../../stores/use-policy';
import classes from './Devices.module.css';

const MODES = ['always', 'preferences', 'never'] as const satisfies readonly DeviceMode[];
const BYTES_PER_MEGABYTE = 1_000_000;

const ICONS: Readonly<Record<'cpu' | 'gpu' | 'network', Icon>> = {
  cpu: IconCpu,
  gpu: IconDeviceDesktop,
  network: IconNetwork,
};

const kindOf = (device: DeviceId): keyof typeof ICONS => (device === 'cpu' || device === 'network' ? device : 'gpu');

function modeOf(device: DeviceId, policy: PolicyPreferences): DeviceMode {
  if (device === 'cpu') return policy.cpuMode;
  if (device === 'network') return policy.networkMode;
  return policy.gpuModes[device] ?? 'preferences';
}

function modePatch(device: DeviceId, mode: DeviceMode, policy: PolicyPreferences): Partial<PolicyPreferences> {
  if (device === 'cpu') return { cpuMode: mode };
  if (device === 'network') return { networkMode: mode };
  return { gpuModes: { ...policy.gpuModes, [device]: mode } };
}

function ModeControl({ device }: { readonly device: DeviceId }) {
  const { t } = useTranslation();
  const policy = useSnapshot(({ settings }) => settings.policy);
  const [mode, pick] = usePicked<DeviceMode>(modeOf(device, policy));
  return (
    <SegmentedControl
      size="xs"
      aria-label={t('policy.devices.mode', { device: deviceName(t, device) })}
      value={mode}
      onChange={(next) => void pick(next, changeSettings({ policy: modePatch(device, next, policy) }))}
      data={MODES.map((value) => ({ value, label: t(`policy.devices.${value}`) }))}
      data-testid={`mode-${device}`}
    />
  );
}

function SnoozeControl({ view }: { readonly view: DeviceView }) {
  const { t } = useTranslation();
  const { device, reason } = view;
  const name = deviceName(t, device);
  if (reason?.kind === 'device-snoozed') {
    return (
      <Button
        variant="default"
        size="xs"
        aria-label={t('policy.devices.resume', { device: name })}
        leftSection={<IconPlayerPlay size={14} stroke={1.5} />}
        onClick={() => void callOrNotify('device', 'policy:resume', { target: device })}
        data-testid={`resume-${device}`}
      >
        {t('policy.devices.resumeShort')}
      </Button>
    );
  }
  return (
    <Menu position="bottom-end" width={208} withinPortal={false} withInitialFocusPlaceholder={false}>
      <Menu.Target>
        <Button
          variant="default"
          size="xs"
          aria-label={t('policy.devices.snooze', { device: name })}
          leftSection={<IconPlayerPause size={14} stroke={1.5} />}
          data-testid={`snooze-${device}`}
        >
          {t('policy.devices.pause')}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {PAUSE_CHOICES.map((choice) => (
          <Menu.Item
            key={choice}
            data-testid={`snooze-${device}-${choice}`}
            onClick={() => void pauseFor(choice, device)}
          >
            {t(`statusLine.${choice}`)}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

function DeviceRow({ view, policy }: { readonly view: DeviceView; readonly policy: PolicyView }) {
  const { t } = useTranslation();
  const nowMs = useNow(1_000);
  const { device, reason, celsius } = view;
  const { ownCpuPercent, otherCpuPercent, monthlyTrafficMb } = policy.surroundings;
  const Shape = ICONS[kindOf(device)];
  const percent = (value: number): string => formatPercent(value / 100);
  const figures = [
    device === 'cpu' && ownCpuPercent !== null ? t('policy.devices.ownUse', { percent: percent(ownCpuPercent) }) : null,
    device === 'cpu' && otherCpuPercent !== null
      ? t('policy.devices.otherUse', { percent: percent(otherCpuPercent) })
      : null,
    device === 'network'
      ? t('policy.devices.month', { amount: formatBytes(monthlyTrafficMb * BYTES_PER_MEGABYTE) })
      : null,
    celsius === null ? null : t('policy.devices.celsius', { celsius: formatCount(Math.round(celsius)) }),
  ].filter((figure) => figure !== null);
  return (
    <li className={classes.device}>
      <Shape size={20} stroke={1.5} aria-hidden="true" />
      <div className={classes.text}>
        <span className={classes.name}>{deviceName(t, device)}</span>
        <span className={classes.state} data-works={reason === null} data-testid={`device-state-${device}`}>
          {reason === null ? t('policy.devices.works') : pauseReasonText(t, reason, nowMs)}
        </span>
        {figures.length > 0 && <span className={classes.figures}>{figures.join(' · ')}</span>}
      </div>
      <div className={classes.controls}>
        <ModeControl device={device} />
        <SnoozeControl view={view} />
      </div>
    </li>
  );
}

/** Processor, graphics and network: whether each works, why not, and its own switch and snooze. */
export function DevicesCard() {
  const { t } = useTranslation();
  const settings = useSnapshot((snapshot) => snapshot.settings.policy);
  const state = useSnapshot(({ node }) => node.state);
  const policy = usePolicy(JSON.stringify([settings, state]));
  return (
    <Section title={t('policy.devices.title')} hint={t('policy.devices.hint')}>
      <ul className={classes.devices}>
        {policy?.devices.map((view) => (
          <DeviceRow key={view.device} view={view} policy={policy} />
        ))}
      </ul>
    </Section>
  );
}
