import { useCallback, useEffect, useMemo, useState } from 'react';
import type { CallInput, CallOutput, WindowChannel } from '../../contract';
import type { Failure } from '../../protocol/result';
import { RepeatedQuestion } from './repeated-question';
import { callTore } from './tore-api';

type Value<Name extends WindowChannel> = Extract<CallOutput<Name>, { ok: true }>['value'];

export interface Reading<Name extends WindowChannel> {
  /** The last answer; it stays while a newer one is asked for. */
  readonly value: Value<Name> | null;
  readonly failure: Failure | null;
  /** Asks anew; resolves when the answer is there. */
  readonly refresh: () => Promise<void>;
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

  const question = useMemo(
    () =>
      new RepeatedQuestion(
        () => callTore(channel, JSON.parse(key) as CallInput<Name>),
        (result) => {
          if (result.ok) setValue(result.value as Value<Name>);
          setFailure(result.ok ? null : result.error);
        },
      ),
    [channel, key],
  );
  const refresh = useCallback(() => question.ask(), [question]);

  useEffect(() => {
    void question.ask();
    const timer = everyMs === null ? undefined : setInterval(() => question.askIfIdle(), everyMs);
    return () => {
      clearInterval(timer);
      // An answer that comes after the screen is gone belongs to nobody.
      question.end();
    };
  }, [question, everyMs]);

  return { value, failure, refresh };
}
