const FOOT_ROOM = '--tore-foot-room';

/** A ref for an element at the foot of the window, such as the field for questions: what floats there stays above it. */
export function keepFootRoom(foot: HTMLElement | null): (() => void) | undefined {
  if (foot === null) return undefined;
  const { style } = document.documentElement;
  const observer = new ResizeObserver(() => style.setProperty(FOOT_ROOM, `${foot.offsetHeight}px`));
  observer.observe(foot);
  return () => {
    observer.disconnect();
    style.removeProperty(FOOT_ROOM);
  };
}
