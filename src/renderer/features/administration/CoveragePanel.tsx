import { IconStack2 } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import { EmptyState } from '../../components/EmptyState';
import { LayerLegend, LayerStrip } from '../../components/LayerStrip';
import classes from './Administration.module.css';
import { Panel } from './Panel';
import { useReading } from '../../stores/use-reading';

const REFRESH_MS = 10_000;

/** Of every model the coordinator knows, who holds which layers. */
export function CoveragePanel() {
  const { t } = useTranslation();
  const reading = useReading('administration:get-coverage', null, REFRESH_MS);
  return (
    <Panel title={t('administration.coverage.title')} reading={reading}>
      {(models) =>
        models.length === 0 ? (
          <EmptyState icon={IconStack2} title={t('administration.coverage.emptyTitle')}>
            {t('administration.coverage.empty')}
          </EmptyState>
        ) : (
          <>
            {models.map((model) => (
              <div key={model.modelId} className={classes.coverage}>
                <h3 className={classes.subtitle}>{model.friendlyName}</h3>
                <LayerStrip coverage={model} />
              </div>
            ))}
            <LayerLegend />
          </>
        )
      }
    </Panel>
  );
}
