import { Textarea } from '@mantine/core';
import { useState } from 'react';
import { callOrNotify } from '../../app/notify';

interface NoteFieldProps {
  readonly label: string;
  readonly handshakeId: string;
  /** Null: about the handshake as a whole. */
  readonly challengeId: string | null;
  readonly note: string;
}

/** A note that stays on this computer; saved when the field is left. */
export function NoteField({ label, handshakeId, challengeId, note }: NoteFieldProps) {
  const [text, setText] = useState(note);
  const save = (): void => {
    if (text !== note) void callOrNotify('handshake', 'handshake:note', { handshakeId, challengeId, text });
  };
  return (
    <Textarea
      aria-label={label}
      placeholder={label}
      value={text}
      autosize
      minRows={1}
      maxRows={10}
      maxLength={60_000}
      onChange={(event) => setText(event.currentTarget.value)}
      onBlur={save}
    />
  );
}
