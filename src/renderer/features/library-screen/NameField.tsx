import { TextInput } from '@mantine/core';
import { useState, type KeyboardEvent } from 'react';

interface NameFieldProps {
  readonly label: string;
  readonly initial?: string;
  readonly onDone: (name: string) => void;
  readonly onCancel: () => void;
}

/** A name typed in place: Enter or leaving it takes it, Escape does not. */
export function NameField({ label, initial = '', onDone, onCancel }: NameFieldProps) {
  const [name, setName] = useState(initial);
  const take = (): void => {
    if (name.trim() === '' || name.trim() === initial) onCancel();
    else onDone(name.trim());
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'Enter' && !event.nativeEvent.isComposing) take();
    if (event.key === 'Escape') onCancel();
  };
  return (
    <TextInput
      aria-label={label}
      placeholder={label}
      size="xs"
      value={name}
      maxLength={1_000}
      autoFocus
      onChange={(event) => setName(event.currentTarget.value)}
      onBlur={take}
      onKeyDown={onKeyDown}
      data-testid="name-field"
    />
  );
}
