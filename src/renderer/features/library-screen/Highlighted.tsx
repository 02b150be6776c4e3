import type { TextRange } from '../../../contract';

interface HighlightedProps {
  readonly text: string;
  readonly ranges: readonly TextRange[];
}

/** A text with what was searched for marked in it. */
export function Highlighted({ text, ranges }: HighlightedProps) {
  const pieces: React.ReactNode[] = [];
  let at = 0;
  for (const { start, end } of ranges) {
    if (start < at) continue;
    pieces.push(text.slice(at, start), <mark key={start}>{text.slice(start, end)}</mark>);
    at = end;
  }
  pieces.push(text.slice(at));
  return <>{pieces}</>;
}
