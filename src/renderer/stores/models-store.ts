import { useEffect } from 'react';
import { create } from 'zustand';
import type { ModelsView } from '../../contract';
import type { Failure } from '../../protocol/result';
import { callTore } from './tore-api';

interface ModelsStore {
  /** Null until main has answered. */
  readonly view: ModelsView | null;
  readonly failure: Failure | null;
}

const useModelsStore = create<ModelsStore>(() => ({ view: null, failure: null }));

async function readModels(): Promise<void> {
  const result = await callTore('models:get', null);
  useModelsStore.setState(result.ok ? { view: result.value, failure: null } : { failure: result.error });
}

/** The models of this computer and of its coordinator, kept current while a screen shows them. */
export function useModels(): ModelsStore {
  useEffect(() => {
    void readModels();
    return window.tore.on('models-changed', () => void readModels());
  }, []);
  return useModelsStore();
}
