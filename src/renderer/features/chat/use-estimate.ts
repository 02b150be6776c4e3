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

/** What the typed question would cost at most; asked again when it, the model or the sampling changes. */
export function useEstimate(conversationId: string | null, modelId: string | null, text: string): EstimateState {
  const [pausedText] = useDebouncedValue(text, TYPING_PAUSE_MS);
  const maxNewTokens = useSnapshot(({ settings }) => settings.chat.maxNewTokens);
  const balance = useSnapshot(({ node }) => node.balanceMicroGft);
  const [state, setState] = useState<EstimateState>({ kind: 'none' });

  useEffect(() => {
    if (modelId === null || pausedText.trim() === '') {
      setState({ kind: 'none' });
      return undefined;
    }
    let current = true;
    setState((previous) => (previous.kind === 'known' ? previous : { kind: 'working' }));
    void callTore('chat:estimate', { conversationId, modelId, text: pausedText }).then((result) => {
      if (!current) return;
      setState(result.ok ? { kind: 'known', estimate: result.value } : { kind: 'failed', error: result.error });
    });
    return () => {
      current = false;
    };
  }, [conversationId, modelId, pausedText, maxNewTokens, balance]);

  return text.trim() === '' ? { kind: 'none' } : state;
}
