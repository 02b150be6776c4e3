import { IconRouteOff, IconAlertTriangle, IconCircleCheck } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import { coverageSentence } from '../../components/coverage';
import { EmptyState } from '../../components/EmptyState';
import { LayerLegend, LayerStrip } from '../../components/LayerStrip';
import { Section } from '../../components/Section';
import { useSnapshot } from '../../stores/snapshot-store';
import classes from './Dashboard.module.css';

/** Who holds which layers, and whether questions can be answered. */
export function PipelineCard() {
  const { t } = useTranslation();
  const coverage = useSnapshot((snapshot) => snapshot.coverage);
  if (coverage === null) {
    return (
      <Section title={t('dashboard.pipeline.titleUnknown')}>
        <EmptyState icon={IconRouteOff} title={t('dashboard.pipeline.unknownTitle')}>
          {t('dashboard.pipeline.unknown')}
        </EmptyState>
      </Section>
    );
  }
  const Shape = coverage.available ? IconCircleCheck : IconAlertTriangle;
  return (
    <Section title={t('dashboard.pipeline.title', { model: coverage.friendlyName })} actions={<LayerLegend />}>
      <LayerStrip coverage={coverage} />
      <p className={classes.coverage} data-available={coverage.available}>
        <Shape size={18} stroke={1.5} aria-hidden="true" />
        <span data-testid="coverage-sentence">{coverageSentence(t, coverage)}</span>
      </p>
    </Section>
  );
}
