import type { TFunction } from 'i18next';
import { useTranslation } from 'react-i18next';
import type { ModelCoverage } from '../../contract';
import { formatCount } from '../format/numbers';
import classes from './LayerStrip.module.css';

type CoverageLayer = ModelCoverage['layers'][number];

/** Above this many layers the tiles are too small for numbers. */
const NUMBERED_UP_TO = 48;
/** Above this many layers the links between the tiles are left out as well. */
const LINKED_UP_TO = 128;

function describeTile(t: TFunction, { index, holder, holders }: CoverageLayer): string {
  const layer = String(index);
  switch (holder) {
    case 'mine': {
      const others = Math.max(0, holders - 1);
      return others === 0
        ? t('dashboard.pipeline.tileMine', { layer })
        : t('dashboard.pipeline.tileMineShared', { layer, count: others, shown: formatCount(others) });
    }
    case 'others':
      return t('dashboard.pipeline.tileOthers', { layer, count: holders, shown: formatCount(holders) });
    case 'missing':
      return t('dashboard.pipeline.tileMissing', { layer });
  }
}

/** The layers of a model as linked tiles: mine solid, others' hatched, missing hollow. */
export function LayerStrip({ coverage }: { readonly coverage: ModelCoverage }) {
  const { t } = useTranslation();
  const count = coverage.layers.length;
  const density = count <= NUMBERED_UP_TO ? 'roomy' : count <= LINKED_UP_TO ? 'small' : 'tiny';
  return (
    <ol
      className={classes.strip}
      data-density={density}
      aria-label={t('dashboard.pipeline.strip', { model: coverage.friendlyName })}
      data-testid="layer-strip"
    >
      {coverage.layers.map((layer) => {
        const label = describeTile(t, layer);
        return (
          <li key={layer.index} className={classes.place}>
            <span
              className={classes.tile}
              data-holder={layer.holder}
              data-testid={`layer-tile-${layer.index}`}
              role="img"
              aria-label={label}
              title={label}
            >
              {density === 'roomy' ? layer.index : ''}
            </span>
          </li>
        );
      })}
    </ol>
  );
}

/** What the three kinds of tiles mean. */
export function LayerLegend() {
  const { t } = useTranslation();
  return (
    <ul className={classes.legend} aria-label={t('dashboard.pipeline.legend')}>
      {(['mine', 'others', 'missing'] as const).map((holder) => (
        <li key={holder} className={classes.legendItem}>
          <span className={classes.swatch} data-holder={holder} aria-hidden="true" />
          {t(`dashboard.pipeline.${holder}`)}
        </li>
      ))}
    </ul>
  );
}
