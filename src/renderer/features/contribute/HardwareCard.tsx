import { Button } from '@mantine/core';
import { IconCircleCheck, IconCircleX, IconCpu, IconDatabase, IconDeviceDesktop, IconRuler } from '@tabler/icons-react';
import { useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { HardwareReport, SegmentReport } from '../../../protocol/compute/node-snapshot';
import { callOrNotify } from '../../app/notify';
import { EmptyState } from '../../components/EmptyState';
import { Section } from '../../components/Section';
import { formatBytes, formatCount, formatFixed, formatLayers, formatSpeed } from '../../format/numbers';
import { formatAgo } from '../../format/times';
import { useSnapshot } from '../../stores/snapshot-store';
import { useNow } from '../../stores/use-now';
import classes from './Contribute.module.css';
import { segmentsOn } from './provider-segments';

interface DeviceRowProps {
  readonly icon: ReactNode;
  readonly kind: string;
  readonly name: string;
  readonly detail: string;
}

function DeviceRow({ icon, kind, name, detail }: DeviceRowProps) {
  return (
    <li className={classes.device}>
      {icon}
      <span className={classes.deviceKind}>{kind}</span>
      <span className={classes.deviceName}>{name}</span>
      <span className={classes.quiet}>{detail}</span>
    </li>
  );
}

function Devices({ hardware }: { readonly hardware: HardwareReport }) {
  const { t } = useTranslation();
  const icon = { size: 20, stroke: 1.5, 'aria-hidden': true } as const;
  return (
    <ul className={classes.devices}>
      <DeviceRow
        icon={<IconCpu {...icon} />}
        kind={t('contribute.hardware.cpu')}
        name={hardware.cpuModel}
        detail={t('contribute.hardware.cores', { count: hardware.cpuCores, shown: formatCount(hardware.cpuCores) })}
      />
      {hardware.gpus.map(({ model, memoryBytes }, index) => (
        <DeviceRow
          // Two equal cards differ by their place only.
          key={`${index}-${model}`}
          icon={<IconDeviceDesktop {...icon} />}
          kind={t('contribute.hardware.gpu')}
          name={model}
          detail={
            memoryBytes === null
              ? t('contribute.hardware.gpuMemoryUnknown')
              : t('contribute.hardware.gpuMemory', { memory: formatBytes(memoryBytes) })
          }
        />
      ))}
      {hardware.gpus.length === 0 && (
        <DeviceRow
          icon={<IconDeviceDesktop {...icon} />}
          kind={t('contribute.hardware.gpu')}
          name={t('contribute.hardware.noGpu')}
          detail={t('contribute.hardware.noGpuDetail')}
        />
      )}
      <DeviceRow
        icon={<IconDatabase {...icon} />}
        kind={t('contribute.hardware.memory')}
        name={formatBytes(hardware.memoryBytes)}
        detail={t('contribute.hardware.memoryFree', { free: formatBytes(hardware.freeMemoryBytes) })}
      />
    </ul>
  );
}

interface MeasureProps {
  readonly label: string;
  readonly value: string;
  /** 0 to 1, as sent to the coordinator. */
  readonly score: number;
}

function Measure({ label, value, score }: MeasureProps) {
  const { t } = useTranslation();
  const share = Math.min(1, Math.max(0, score));
  return (
    <div className={classes.measure}>
      <dt className={classes.quiet}>{label}</dt>
      <dd>
        <strong>{value}</strong>
        <span className={classes.scoreBar} aria-hidden="true">
          <span style={{ width: `${share * 100}%` }} />
        </span>
        <span className={classes.quiet}>{t('contribute.hardware.score', { score: formatFixed(score, 2) })}</span>
      </dd>
    </div>
  );
}

const NO_SEGMENTS: readonly SegmentReport[] = [];

function Providers({ hardware }: { readonly hardware: HardwareReport }) {
  const { t } = useTranslation();
  const segments = useSnapshot(({ node }) => node.shard?.segments ?? NO_SEGMENTS);
  return (
    <div>
      <h3 className={classes.subtitle}>{t('contribute.providers.title')}</h3>
      <p className={classes.quiet}>{t('contribute.providers.hint')}</p>
      <ul className={classes.devices}>
        {hardware.providers.map(({ name, deviceId, available, reason, tokensPerSecond }) => {
          const device = deviceId === undefined ? name : `${name}:${deviceId}`;
          const held = segmentsOn({ name, ...(deviceId === undefined ? {} : { deviceId }) }, segments);
          const details = [
            tokensPerSecond === null
              ? reason
              : t('contribute.hardware.decodeValue', { value: formatSpeed(tokensPerSecond) }),
            ...held.map(({ range }) =>
              t('contribute.providers.holds', { layers: formatLayers(range.layer_start, range.layer_end) }),
            ),
          ];
          const Shape = available ? IconCircleCheck : IconCircleX;
          const word =
            held.length > 0
              ? t('contribute.providers.inUse')
              : available
                ? t('contribute.providers.available')
                : t('contribute.providers.unavailable');
          return (
            <li key={device} className={classes.device} data-available={available}>
              <Shape size={20} stroke={1.5} aria-hidden="true" />
              <span className={classes.deviceKind}>{word}</span>
              <span className={classes.deviceName}>{device}</span>
              <span className={classes.quiet}>{details.join(' · ')}</span>
            </li>
          );
        })}
      </ul>
    </div>
  );
}

/** Processor, graphics, memory; what was measured; and the ways to run layers. */
export function HardwareCard() {
  const { t } = useTranslation();
  const node = useSnapshot((snapshot) => snapshot.node);
  const { hardware } = node;
  const [asked, setAsked] = useState(false);
  const nowMs = useNow(30_000);
  const measuring = asked || (node.state.kind === 'preparing' && node.state.step === 'benchmark');
  const measure = async (): Promise<void> => {
    setAsked(true);
    await callOrNotify('measure', 'node:measure-hardware', null);
    setAsked(false);
  };
  return (
    <Section
      title={t('contribute.hardware.title')}
      hint={
        hardware === null
          ? undefined
          : t('contribute.hardware.measuredAt', { ago: formatAgo(t, hardware.measuredAt, nowMs) })
      }
      actions={
        <Button variant="default" size="xs" loading={measuring} onClick={() => void measure()}>
          {t('contribute.hardware.measureAgain')}
        </Button>
      }
    >
      {hardware === null ? (
        <EmptyState icon={IconRuler} title={t('contribute.hardware.emptyTitle')}>
          {t('contribute.hardware.empty')}
        </EmptyState>
      ) : (
        <>
          <Devices hardware={hardware} />
          <div>
            <h3 className={classes.subtitle}>{t('contribute.hardware.measured')}</h3>
            <dl className={classes.measures}>
              <Measure
                label={t('contribute.hardware.matmul')}
                value={t('contribute.hardware.matmulValue', { value: formatSpeed(hardware.matmulGflops) })}
                score={hardware.matmulScore}
              />
              <Measure
                label={t('contribute.hardware.bandwidth')}
                value={t('contribute.hardware.bandwidthValue', {
                  value: formatSpeed(hardware.memoryGigabytesPerSecond),
                })}
                score={hardware.memoryScore}
              />
              <Measure
                label={t('contribute.hardware.decode')}
                value={t('contribute.hardware.decodeValue', { value: formatSpeed(hardware.decodeTokensPerSecond) })}
                score={hardware.latencyScore}
              />
            </dl>
            {node.hardwareClass !== null && node.multiplier !== null && (
              <p className={classes.class}>
                {t('contribute.hardware.class', {
                  name: node.hardwareClass.replaceAll('_', ' '),
                  multiplier: formatFixed(node.multiplier, 2),
                })}
              </p>
            )}
          </div>
          <Providers hardware={hardware} />
        </>
      )}
    </Section>
  );
}
