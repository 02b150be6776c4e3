import { NumberInput } from '@mantine/core';
import { useState } from 'react';

interface NumberFieldProps {
  readonly label: string;
  readonly description?: string;
  /** Names the field for screen readers only, where a heading stands beside it. */
  readonly labelHidden?: boolean;
  readonly value: number | null;
  /**
   * Called with valid values, when the field is left or Enter is pressed; null only with `optional`. Answers whether
   * the value was taken: one that was not is put back.
   */
  readonly onCommit: (value: number | null) => Promise<boolean>;
  readonly minimum: number;
  readonly maximum: number;
  readonly step?: number;
  readonly decimals?: number;
  readonly suffix?: string;
  readonly optional?: boolean;
  readonly placeholder?: string;
  readonly error: string;
  readonly disabled?: boolean;
  readonly testId?: string;
}

/** A number that takes effect once it is complete, not with every key. */
export function NumberField(props: NumberFieldProps) {
  const { value, onCommit, minimum, maximum, decimals = 0, optional = false } = props;
  const [typed, setTyped] = useState<number | string>(value ?? '');
  const [previousValue, setPreviousValue] = useState(value);
  if (value !== previousValue) {
    setPreviousValue(value);
    setTyped(value ?? '');
  }
  const empty = typed === '';
  const valid = empty ? optional : typeof typed === 'number' && typed >= minimum && typed <= maximum;
  const commit = async (next: number | string): Promise<void> => {
    const parsed = next === '' ? null : Number(next);
    const accepted = parsed === null ? optional : parsed >= minimum && parsed <= maximum;
    if (accepted && parsed !== value && !(await onCommit(parsed))) setTyped(value ?? '');
  };
  return (
    <NumberInput
      {...(props.labelHidden === true
        ? { 'aria-label': props.label }
        : { label: props.label, description: props.description })}
      value={typed}
      onChange={setTyped}
      onBlur={() => void commit(typed)}
      onKeyDown={(event) => {
        if (event.key === 'Enter') void commit(typed);
      }}
      step={props.step ?? 1}
      min={minimum}
      max={maximum}
      clampBehavior="none"
      allowDecimal={decimals > 0}
      decimalScale={decimals}
      allowNegative={false}
      thousandSeparator=","
      suffix={props.suffix ?? ''}
      placeholder={props.placeholder ?? ''}
      error={valid ? null : props.error}
      disabled={props.disabled ?? false}
      data-testid={props.testId}
    />
  );
}
