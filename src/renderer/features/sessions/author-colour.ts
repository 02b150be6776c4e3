import type { CSSProperties } from 'react';
import type { SessionParticipant } from '../../../protocol/session/session';

/** Accents that tell authors apart; the name beside always says it too. */
const COLOURS = ['cobalt', 'turquoise', 'amber', 'coral'] as const;

/** A participant's colour: by the order of joining, so that it is the same on every computer. */
function colourOf(participants: readonly SessionParticipant[], participantId: string): string {
  const place = participants.findIndex(({ id }) => id === participantId);
  return `var(--tore-${COLOURS[Math.max(0, place) % COLOURS.length] ?? 'cobalt'})`;
}

/** Hands a participant's colour to the style sheet as `--author`. */
export function authorStyle(participants: readonly SessionParticipant[], participantId: string): CSSProperties {
  return { '--author': colourOf(participants, participantId) } as CSSProperties;
}
