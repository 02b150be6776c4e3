interface MarkProps {
  readonly width?: number;
}

/** The mark: three linked tiles in a row, the pipeline. */
export function Mark({ width = 32 }: MarkProps) {
  return (
    <svg width={width} height={(width * 10) / 32} viewBox="0 0 32 10" aria-hidden="true" focusable="false">
      <path d="M8 5h4M20 5h4" stroke="var(--tore-cobalt)" strokeWidth="2" />
      <rect x="0" y="1" width="8" height="8" rx="2" fill="var(--tore-cobalt)" />
      <rect x="12" y="1" width="8" height="8" rx="2" fill="var(--tore-turquoise)" />
      <rect x="24" y="1" width="8" height="8" rx="2" fill="var(--tore-cobalt)" />
    </svg>
  );
}
