import { useTranslation } from 'react-i18next';
import { formatFixed } from '../../format/numbers';
import classes from './Dashboard.module.css';
import { arcPath, RELIABILITY_SCALE, scalePosition } from './reliability-scale';

const SIZE_PX = 112;
const CENTRE = SIZE_PX / 2;
const RADIUS = 48;

/** Reliability on its scale from 0.50 to 1.00, with a mark where a node is suspended. */
export function ReliabilityDial({ value }: { readonly value: number }) {
  const { t } = useTranslation();
  const share = scalePosition(value);
  const limit = scalePosition(RELIABILITY_SCALE.suspendedBelow);
  const tone = value < RELIABILITY_SCALE.suspendedBelow ? 'attention' : 'working';
  const shown = formatFixed(value, 2);
  return (
    <svg
      className={classes.dial}
      width={SIZE_PX}
      height={SIZE_PX}
      viewBox={`0 0 ${SIZE_PX} ${SIZE_PX}`}
      role="img"
      aria-label={t('dashboard.reliability.label', { value: shown })}
    >
      <path className={classes.dialTrack} d={arcPath(CENTRE, RADIUS, 0, 1)} />
      {share > 0 && <path className={classes.dialValue} data-tone={tone} d={arcPath(CENTRE, RADIUS, 0, share)} />}
      <path className={classes.dialLimit} d={arcPath(CENTRE, RADIUS, limit - 0.006, limit + 0.006)} />
      <text className={classes.dialNumber} x={CENTRE} y={CENTRE} textAnchor="middle" dominantBaseline="central">
        {shown}
      </text>
    </svg>
  );
}
