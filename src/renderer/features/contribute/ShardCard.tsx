import { IconStack2 } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import type { ShardReport } from '../../../protocol/compute/node-snapshot';
import { EmptyState } from '../../components/EmptyState';
import { Figure, FigureList } from '../../components/Figure';
import { Section } from '../../components/Section';
import { ShortId } from '../../components/ShortId';
import { formatBytes, formatCount, formatLayers } from '../../format/numbers';
import { useSnapshot } from '../../stores/snapshot-store';
import classes from './Contribute.module.css';
import { memoryParts } from './memory-parts';

function MemoryBar({ shard }: { readonly shard: ShardReport }) {
  const { t } = useTranslation();
  const budgetMb = useSnapshot(({ settings }) => settings.contribution.memoryBudgetMb);
  const parts = memoryParts(shard, budgetMb);
  const rows = [
    { part: 'weights', label: t('contribute.shard.weights'), bytes: parts.weightBytes, share: parts.shares.weights },
    { part: 'cache', label: t('contribute.shard.cache'), bytes: parts.cacheBytes, share: parts.shares.cache },
    {
      part: 'free',
      label: t('contribute.shard.free', { budget: formatBytes(parts.budgetBytes) }),
      bytes: parts.freeBytes,
      share: parts.shares.free,
    },
  ];
  const summary = rows.map(({ label, bytes }) => `${label}: ${formatBytes(bytes)}`).join(', ');
  return (
    <div>
      <div className={classes.bar} role="img" aria-label={`${t('contribute.shard.bar')}: ${summary}`}>
        {rows.map(({ part, share }) => (
          <span key={part} className={classes.barPart} data-part={part} style={{ flexGrow: share * 1_000 }} />
        ))}
      </div>
      <ul className={classes.barLegend}>
        {rows.map(({ part, label, bytes }) => (
          <li key={part}>
            <span className={classes.barSwatch} data-part={part} aria-hidden="true" />
            {label} <strong>{formatBytes(bytes)}</strong>
          </li>
        ))}
      </ul>
      {parts.overBytes > 0 && (
        <p className={classes.problem}>{t('contribute.shard.over', { amount: formatBytes(parts.overBytes) })}</p>
      )}
    </div>
  );
}

/** Which layers of a split shard each device holds. */
function Segments({ shard }: { readonly shard: ShardReport }) {
  const { t } = useTranslation();
  return (
    <div>
      <h3 className={classes.subtitle}>{t('contribute.shard.devices')}</h3>
      <p className={classes.quiet}>{t('contribute.shard.devicesHint')}</p>
      <ul className={classes.devices} data-testid="shard-segments">
        {shard.segments.map(({ device, range, memoryBytes }, index) => (
          <li key={range.layer_start} className={classes.device}>
            <IconStack2 size={20} stroke={1.5} aria-hidden="true" />
            <span className={classes.deviceKind}>{t('contribute.shard.part', { number: formatCount(index + 1) })}</span>
            <span className={classes.deviceName}>{device}</span>
            <span className={classes.quiet}>
              {t('contribute.shard.partValue', {
                layers: formatLayers(range.layer_start, range.layer_end),
                memory: formatBytes(memoryBytes),
              })}
            </span>
          </li>
        ))}
      </ul>
    </div>
  );
}

/** The layers in memory: which, why, on what, and the memory they take. */
export function ShardCard() {
  const { t } = useTranslation();
  const shard = useSnapshot(({ node }) => node.shard);
  if (shard === null) {
    return (
      <Section title={t('contribute.shard.title')}>
        <EmptyState icon={IconStack2} title={t('contribute.shard.emptyTitle')}>
          {t('contribute.shard.empty')}
        </EmptyState>
      </Section>
    );
  }
  const { range, totalLayers } = shard;
  const why = shard.chosenBy === 'coordinator' ? 'contribute.shard.byCoordinator' : 'contribute.shard.byUser';
  return (
    <Section title={t('contribute.shard.title')}>
      <FigureList>
        <Figure label={t('contribute.shard.model')}>{shard.friendlyName}</Figure>
        <Figure label={t('contribute.shard.layers')}>
          {t('contribute.shard.layersValue', {
            layers: formatLayers(range.layer_start, range.layer_end),
            total: formatCount(totalLayers),
          })}
        </Figure>
        <Figure label={t('contribute.precision.title')}>{t(`contribute.precision.${shard.precision}`)}</Figure>
        <Figure label={t('contribute.shard.provider')}>{shard.provider}</Figure>
      </FigureList>
      {shard.segments.length > 1 ? <Segments shard={shard} /> : <MemoryBar shard={shard} />}
      <dl className={classes.facts}>
        <dt>{t('contribute.shard.why')}</dt>
        <dd>{t(why)}</dd>
        {shard.providerReasons.length > 0 && (
          <>
            <dt>{t('contribute.shard.aboutDevices')}</dt>
            <dd>
              <ul className={classes.reasons}>
                {shard.providerReasons.map((reason) => (
                  <li key={reason}>{reason}</li>
                ))}
              </ul>
            </dd>
          </>
        )}
        <dt>{t('contribute.shard.manifest')}</dt>
        <dd>
          <ShortId id={shard.manifestHash} copy />
        </dd>
      </dl>
    </Section>
  );
}
