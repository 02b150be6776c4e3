import { create } from 'qrcode';
import { useMemo } from 'react';
import classes from './Discovery.module.css';

interface QrCodeProps {
  readonly text: string;
  readonly label: string;
}

/** A QR code drawn as one path. */
export function QrCode({ text, label }: QrCodeProps) {
  const { size, path } = useMemo(() => {
    const { modules } = create(text, { errorCorrectionLevel: 'M' });
    const cells = Array.from({ length: modules.size ** 2 }, (_, index) => index).filter((index) => modules.data[index]);
    const drawn = cells.map((index) => `M${index % modules.size} ${Math.floor(index / modules.size)}h1v1h-1z`);
    return { size: modules.size, path: drawn.join('') };
  }, [text]);
  return (
    <svg
      className={classes.qr}
      viewBox={`0 0 ${size} ${size}`}
      role="img"
      aria-label={label}
      shapeRendering="crispEdges"
    >
      <path d={path} fill="currentColor" />
    </svg>
  );
}
