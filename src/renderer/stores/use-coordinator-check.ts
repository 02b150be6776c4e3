import { useEffect, useState } from 'react';
import type { CallOutput, CoordinatorCheck } from '../../contract';
import type { Failure } from '../../protocol/result';
import { NewestAnswer } from './newest-answer';
import { callTore } from './tore-api';

interface CheckState {
  readonly checking: boolean;
  readonly found: CoordinatorCheck | null;
  readonly failure: Failure | null;
}

export interface CoordinatorChecking extends CheckState {
  /** An access token that is typed for the address, and goes with the next check of it. */
  readonly token: string;
  readonly setToken: (token: string) => void;
  /** Asks who answers at an address; null when nobody does, or when the answer is not wanted any more. */
  readonly check: (url: string) => Promise<CoordinatorCheck | null>;
  /** The address is another one now: what was found out and typed for it counts no more. */
  readonly forget: () => void;
}

const NOTHING_KNOWN: CheckState = { checking: false, found: null, failure: null };

async function askWhoAnswers(url: string, accessToken: string): Promise<CallOutput<'coordinator:check'>> {
  if (accessToken !== '') {
    const kept = await callTore('settings:set-access-token', { url, accessToken });
    if (!kept.ok) return kept;
  }
  return callTore('coordinator:check', { url });
}

/** Checks the address of a coordinator before it is used. A check ends with the form it was made in. */
export function useCoordinatorCheck(): CoordinatorChecking {
  const [newest] = useState(() => new NewestAnswer());
  const [state, setState] = useState(NOTHING_KNOWN);
  const [token, setToken] = useState('');
  useEffect(() => () => newest.drop(), [newest]);

  const check = async (url: string): Promise<CoordinatorCheck | null> => {
    setState({ ...NOTHING_KNOWN, checking: true });
    const result = await newest.to(askWhoAnswers(url.trim(), token.trim()));
    if (result === null) return null;
    const found = result.ok ? result.value : null;
    setState({ checking: false, found, failure: result.ok ? null : result.error });
    if (result.ok) setToken('');
    return found;
  };
  const forget = (): void => {
    newest.drop();
    setState(NOTHING_KNOWN);
    setToken('');
  };
  return { ...state, token, setToken, check, forget };
}
