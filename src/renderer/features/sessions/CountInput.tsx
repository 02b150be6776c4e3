import { NumberInput } from '@mantine/core';

interface CountInputProps {
  readonly label: string;
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly onChange: (value: number) => void;
}

/** A whole number in a form that is sent later; what lies outside the range is put to its edge. */
export function CountInput({ label, value, min, max, onChange }: CountInputProps) {
  return (
    <NumberInput
      label={label}
      value={value}
      min={min}
      max={max}
      allowDecimal={false}
      clampBehavior="strict"
      onChange={(next) => onChange(typeof next === 'number' && next >= min ? next : min)}
    />
  );
}
