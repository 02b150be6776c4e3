import { useState } from 'react';

interface Picked<Value> {
  readonly value: Value;
  /** What main held when it was picked. */
  readonly over: Value;
}

/**
 * Shows what the user picked at once, until main holds something else, or the saving was refused.
 *
 * @returns the value to show, and the function that picks one; its promise says whether main took the value.
 */
export function usePicked<Value extends string | number | boolean | null>(
  held: Value,
): readonly [Value, (value: Value, saving?: Promise<boolean>) => Promise<void>] {
  const [picked, setPicked] = useState<Picked<Value> | null>(null);
  if (picked !== null && picked.over !== held) setPicked(null);
  const shown = picked !== null && picked.over === held ? picked.value : held;
  const pick = async (value: Value, saving?: Promise<boolean>): Promise<void> => {
    setPicked({ value, over: held });
    if (saving !== undefined && !(await saving)) setPicked(null);
  };
  return [shown, pick];
}
