import { useEffect, useState } from 'react';
import type { PolicyPreview, PolicyView } from '../../contract';
import type { PolicyPreferences } from '../../protocol/compute/run-preferences';
import { callTore } from './tore-api';

/** Figures that change by themselves are read again this often while they are on show. */
const REFRESH_MS = 2_000;

/** Reads something again and again while the component is shown and the window visible. */
function useRepeated<Value>(read: () => Promise<Value | null>, key: string): Value | null {
  const [value, setValue] = useState<Value | null>(null);
  useEffect(() => {
    let ended = false;
    const once = async (): Promise<void> => {
      if (document.visibilityState === 'hidden') return;
      const next = await read();
      if (!ended && next !== null) setValue(next);
    };
    void once();
    const timer = setInterval(() => void once(), REFRESH_MS);
    return () => {
      ended = true;
      clearInterval(timer);
    };
    // The reader is made anew at every rendering; what it reads is named by its key.
    // oxlint-disable-next-line react/exhaustive-deps
  }, [key]);
  return value;
}

/** What the run policy says now; null until the first answer. */
export function usePolicy(changeKey: string): PolicyView | null {
  return useRepeated(async () => {
    const result = await callTore('policy:get', null);
    return result.ok ? result.value : null;
  }, changeKey);
}

/** What the run policy would say with other preferences. */
export function usePolicyPreview(policy: Partial<PolicyPreferences>, pauseOnBattery: boolean): PolicyPreview | null {
  return useRepeated(
    async () => {
      const result = await callTore('policy:preview', { policy, pauseOnBattery });
      return result.ok ? result.value : null;
    },
    JSON.stringify([policy, pauseOnBattery]),
  );
}
