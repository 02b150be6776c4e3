import { useReducedMotion } from '@mantine/hooks';
import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { MicroGft } from '../../protocol/compute/micro-gft';
import { formatAmount } from '../format/numbers';

const COUNT_MS = 180;

/** Moves softly to a new value; at once with reduced motion. */
function useCountedValue(target: number): number {
  const still = useReducedMotion();
  const [shown, setShown] = useState(target);
  const shownRef = useRef(target);
  useEffect(() => {
    const from = shownRef.current;
    const startedAt = performance.now();
    let frame = 0;
    const step = (now: number): void => {
      const share = still ? 1 : Math.min(1, (now - startedAt) / COUNT_MS);
      shownRef.current = share === 1 ? target : Math.round(from + (target - from) * share);
      setShown(shownRef.current);
      if (share < 1) frame = requestAnimationFrame(step);
    };
    frame = requestAnimationFrame(step);
    return () => cancelAnimationFrame(frame);
  }, [target, still]);
  return shown;
}

interface AmountProps {
  readonly microGft: MicroGft;
  readonly unit?: boolean;
  /** `always` puts a plus before gains. */
  readonly sign?: 'always' | 'negative';
}

/** An amount of GFT. */
export function Amount({ microGft, unit = true, sign = 'negative' }: AmountProps) {
  const { t } = useTranslation();
  const shown = useCountedValue(microGft);
  return (
    <span style={{ whiteSpace: 'nowrap' }}>
      {formatAmount(shown, { sign })}
      {unit && ` ${t('common.gft')}`}
    </span>
  );
}
