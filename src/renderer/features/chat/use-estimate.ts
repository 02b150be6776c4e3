import { useDebouncedValue } from '@mantine/hooks';
import { useEffect, useState } from 'react';
import type { CostEstimate } from '../../../contract';
import type { Failure } from '../../../protocol/result';
import { useSnapshot } from '../../stores/snapshot-store';
import { callTore } from '../../stores/tore-api';

/** Typing pauses this long before the cost is asked for. */
const TYPING_PAUSE_MS = 350;

export type EstimateState =
  | { readonly kind: 'none' }
  | { readonly kind: 'working' }
  | { readonly kind: 'known'; readonly estimate: CostEstimate }
  | { readonly kind: 'failed'; readonly error: Failure };

interface EstimateAnswer {
  /** What it was asked for. */
  readonly key: string;
  readonly state: EstimateState;
}

/** What the typed question would cost at most; asked again when it, the model, the sampling or the balance changes. */
export function useEstimate(conversationId: string | null, modelId: string | null, text: string): EstimateState {
  const [pausedText] = useDebouncedValue(text, TYPING_PAUSE_MS);
  const maxNewTokens = useSnapshot(({ settings }) => settings.chat.maxNewTokens);
  const answeredBy = useSnapshot(({ settings }) => settings.chat.answeredBy);
  const balance = useSnapshot(({ node }) => node.balanceMicroGft);
  const [answer, setAnswer] = useState<EstimateAnswer | null>(null);
  const key = JSON.stringify([conversationId, modelId, pausedText, maxNewTokens, answeredBy, balance]);

  useEffect(() => {
    if (modelId === null || pausedText.trim() === '') return undefined;
    let current = true;
    void callTore('chat:estimate', { conversationId, modelId, text: pausedText }).then((result) => {
      if (!current) return;
      const state: EstimateState = result.ok
        ? { kind: 'known', estimate: result.value }
        : { kind: 'failed', error: result.error };
      setAnswer({ key, state });
    });
    return () => {
      current = false;
    };
  }, [conversationId, modelId, pausedText, key]);

  if (modelId === null || text.trim() === '') return { kind: 'none' };
  if (answer?.key === key) return answer.state;
  // The last figure stays until the next one is here, so that the line does not flicker while typing.
  return answer?.state.kind === 'known' ? answer.state : { kind: 'working' };
}
