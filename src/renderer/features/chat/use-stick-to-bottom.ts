import { useCallback, useEffect, useRef, useState, type RefObject } from 'react';

/** This close to the end counts as the end: rounding and a last margin must not let go. */
const NEAR_PX = 32;

interface StickToBottom {
  readonly scrollRef: RefObject<HTMLDivElement | null>;
  readonly atBottom: boolean;
  readonly toBottom: () => void;
  /** To be called after the content grew: follows it unless the user scrolled up. */
  readonly follow: () => void;
}

/** Keeps the end of a growing text in sight until the user scrolls away from it. */
export function useStickToBottom(): StickToBottom {
  const scrollRef = useRef<HTMLDivElement>(null);
  const stuck = useRef(true);
  const [atBottom, setAtBottom] = useState(true);

  useEffect(() => {
    const element = scrollRef.current;
    if (element === null) return undefined;
    const onScroll = (): void => {
      stuck.current = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_PX;
      setAtBottom(stuck.current);
    };
    element.addEventListener('scroll', onScroll, { passive: true });
    return () => element.removeEventListener('scroll', onScroll);
  }, []);

  const toBottom = useCallback((): void => {
    const element = scrollRef.current;
    if (element !== null) element.scrollTop = element.scrollHeight;
  }, []);

  const follow = useCallback((): void => {
    if (stuck.current) toBottom();
  }, [toBottom]);

  return { scrollRef, atBottom, toBottom, follow };
}
