import { useTranslation } from 'react-i18next';
import { rasterTypeOf, RASTER_HEAD_BYTES } from '../../../protocol/documents/raster-type';
import { webAddressOf } from '../../../protocol/documents/web-address';
import { WebLink } from './WebLink';
import classes from './MarkdownText.module.css';

/** Characters of a picture written into a text; larger ones hold up the page. */
const MAX_LENGTH = 4_000_000;
const DATA_ADDRESS = /^data:image\/[a-z.+-]{1,40};base64,([A-Za-z0-9+/]+={0,2})$/;

/** The bytes a picture's address holds, as an address whose type is the real one; null for anything but pixels. */
export function pixelAddress(address: string): string | null {
  if (address.length > MAX_LENGTH) return null;
  const body = DATA_ADDRESS.exec(address)?.[1];
  if (body === undefined) return null;
  try {
    const head = atob(body.slice(0, Math.ceil(RASTER_HEAD_BYTES / 3) * 4));
    const type = rasterTypeOf(Uint8Array.from(head, (character) => character.charCodeAt(0)));
    return type === null ? null : `data:${type};base64,${body}`;
  } catch {
    // Not base64 after all.
    return null;
  }
}

/** A picture in a text: shown when the text holds its pixels; one from elsewhere is named, never loaded. */
export function InlinePicture({ address, alt }: { readonly address: string; readonly alt: string }) {
  const { t } = useTranslation();
  const pixels = pixelAddress(address);
  if (pixels !== null) return <img className={classes.picture} src={pixels} alt={alt} />;
  const web = webAddressOf(address);
  const label = alt.trim() === '' ? t('message.picture') : alt;
  return (
    <span className={classes.leftOut}>
      {t('message.pictureNotLoaded', { name: label })}{' '}
      {web !== null && <WebLink address={web}>{new URL(web).host}</WebLink>}
    </span>
  );
}
