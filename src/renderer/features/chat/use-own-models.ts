import { useEffect, useState } from 'react';
import type { OwnModelView } from '../../../contract';
import { callTore } from '../../stores/tore-api';

export interface OwnModels {
  /** Models of the person's own, without the network. */
  readonly models: readonly OwnModelView[];
  readonly keep: (models: readonly OwnModelView[]) => void;
}

/** The models of the person's own, as they are when Chat opens and after each change here. */
export function useOwnModels(): OwnModels {
  const [all, keep] = useState<readonly OwnModelView[]>([]);
  useEffect(() => {
    void callTore('own-models:list', null).then((result) => {
      if (result.ok) keep(result.value);
    });
  }, []);
  return { models: all.filter(({ kind }) => kind !== 'network'), keep };
}
