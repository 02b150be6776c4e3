import { useEffect, useState } from 'react';
import type { SystemView } from '../../contract';
import { callTore } from './tore-api';

/** The app as a program of this computer; null until main has answered. */
export function useSystem(): SystemView | null {
  const [view, setView] = useState<SystemView | null>(null);
  useEffect(() => {
    let ended = false;
    const read = async (): Promise<void> => {
      const result = await callTore('system:get', null);
      if (!ended && result.ok) setView(result.value);
    };
    void read();
    const end = window.tore.on('system-changed', () => void read());
    return () => {
      ended = true;
      end();
    };
  }, []);
  return view;
}
