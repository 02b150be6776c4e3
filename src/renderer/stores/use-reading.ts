import { useCallback, useEffect, useRef, useState } from 'react';
import type { CallInput, CallOutput, WindowChannel } from '../../contract';
import type { Failure } from '../../protocol/result';
import { callTore } from './tore-api';

type Value<Name extends WindowChannel> = Extract<CallOutput<Name>, { ok: true }>['value'];

export interface Reading<Name extends WindowChannel> {
  /** The last answer; it stays while a newer one is asked for. */
  readonly value: Value<Name> | null;
  readonly failure: Failure | null;
  readonly refresh: () => void;
}

/** Asks main once and again every `everyMs`, for lists that change by themselves. */
export function useReading<Name extends WindowChannel>(
  channel: Name,
  input: CallInput<Name>,
  everyMs: number | null = null,
): Reading<Name> {
  const [value, setValue] = useState<Value<Name> | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  // Inputs are small plain values; their text says whether they changed.
  const key = JSON.stringify(input);

  /** Counts the questions: only the answer to the newest one is shown. */
  const newest = useRef(0);

  const refresh = useCallback(() => {
    newest.current += 1;
    const own = newest.current;
    void callTore(channel, JSON.parse(key) as CallInput<Name>).then((result) => {
      if (own !== newest.current) return;
      if (result.ok) setValue(result.value as Value<Name>);
      setFailure(result.ok ? null : result.error);
    });
  }, [channel, key]);

  useEffect(() => {
    refresh();
    const timer = everyMs === null ? undefined : setInterval(refresh, everyMs);
    return () => {
      clearInterval(timer);
      // An answer that comes after the screen is gone belongs to nobody.
      newest.current += 1;
    };
  }, [refresh, everyMs]);

  return { value, failure, refresh };
}
