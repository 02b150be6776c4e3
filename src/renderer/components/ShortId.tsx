import { useTranslation } from 'react-i18next';
import { shortenId } from '../format/numbers';
import { CopyButton } from './CopyButton';
import classes from './ShortId.module.css';

interface ShortIdProps {
  readonly id: string;
  readonly copy?: boolean;
}

/** An id or hash in short; the whole is in its title and on the clipboard. */
export function ShortId({ id, copy = false }: ShortIdProps) {
  const { t } = useTranslation();
  return (
    <span className={classes.row}>
      <code className={classes.id} title={id}>
        {shortenId(id)}
      </code>
      {copy && <CopyButton text={id} label={t('common.copyId', { id: shortenId(id) })} />}
    </span>
  );
}
