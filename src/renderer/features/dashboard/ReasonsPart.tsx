import { useReading } from '../../stores/use-reading';
import { ReasonsCard } from '../statistics/ReasonsCard';

const REFRESH_MS = 60_000;
/** The dashboard names what weighs most; the statistics name all. */
const SHOWN = 3;

/** Why this computer earns what it earns. Nothing before there is something to say. */
export function ReasonsPart() {
  const { value: view } = useReading('statistics:get', { range: 'week' }, REFRESH_MS);
  return view === null || view.since === null ? null : <ReasonsCard reasons={view.reasons} limit={SHOWN} />;
}
