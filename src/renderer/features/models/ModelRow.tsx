import { Badge, Button, Modal } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { ShelfModel } from '../../../contract';
import { callOrNotify } from '../../app/notify';
import { formatBytes, formatCount } from '../../format/numbers';
import { DownloadLine } from './DownloadLine';
import { ModelDetails } from './ModelDetails';
import classes from './Models.module.css';

function useFacts(model: ShelfModel): string {
  const { t } = useTranslation();
  const { origin, totalLayers, storedBytes, diskBytes, listed, onlineShards, licence } = model;
  return [
    t(`models.origin.${origin}`),
    totalLayers === 0 ? null : t('models.layers', { count: totalLayers, shown: formatCount(totalLayers) }),
    storedBytes === null ? null : t('models.size', { size: formatBytes(storedBytes) }),
    diskBytes === 0 ? null : t('models.onDisk', { size: formatBytes(diskBytes) }),
    listed ? t('models.holders', { count: onlineShards, shown: formatCount(onlineShards) }) : null,
    licence === null ? null : t('models.licence', { licence }),
  ]
    .filter((fact) => fact !== null)
    .join(' · ');
}

/** One model: what it is, how far its download is, and what can be done with it. */
export function ModelRow({ model }: { readonly model: ShelfModel }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  const [asking, setAsking] = useState(false);
  const facts = useFacts(model);
  const { key, friendlyName: name, origin, diskBytes } = model;
  // What nobody offers any more can only be removed.
  const isUsable = origin !== 'offered' || model.listed;
  const isRemovable = !model.chosen && (origin === 'local' || diskBytes > 0 || model.download !== null);
  const remove = async (): Promise<void> => {
    setAsking(false);
    await callOrNotify('removeModel', 'models:remove', { key });
  };
  return (
    <li className={classes.model} data-testid={`model-${key}`}>
      <div className={classes.head}>
        <div className={classes.text}>
          <h3 className={classes.name}>
            {name}
            {model.chosen && (
              <Badge variant="light" color="turquoise" tt="none">
                {t('models.chosen')}
              </Badge>
            )}
          </h3>
          <p className={classes.facts}>{facts}</p>
          {origin === 'local' && model.path !== null && <p className={classes.path}>{model.path}</p>}
          {model.problem !== null && <p className={classes.problem}>{model.problem}</p>}
        </div>
        <div className={classes.actions}>
          {isRemovable && (
            <Button
              variant="subtle"
              size="xs"
              aria-label={t('models.removeOf', { name })}
              onClick={() => setAsking(true)}
            >
              {t('models.remove')}
            </Button>
          )}
          {isUsable && (
            <Button
              variant="default"
              size="xs"
              aria-expanded={open}
              aria-label={t(open ? 'models.hideOf' : 'models.detailsOf', { name })}
              onClick={() => setOpen(!open)}
            >
              {t('models.details')}
            </Button>
          )}
        </div>
      </div>
      {model.download !== null && <DownloadLine model={model} download={model.download} />}
      {open && isUsable && <ModelDetails model={model} />}
      <Modal
        opened={asking}
        onClose={() => setAsking(false)}
        title={t('models.removeTitle', { name })}
        closeButtonProps={{ 'aria-label': t('common.close') }}
        centered
      >
        <p className={classes.quiet}>
          {origin === 'local' && diskBytes === 0
            ? t('models.removeLocal')
            : t('models.removeFetched', { size: formatBytes(diskBytes) })}
        </p>
        <div className={classes.buttons}>
          <Button variant="default" onClick={() => setAsking(false)} data-autofocus>
            {t('common.cancel')}
          </Button>
          <Button color="coral" onClick={() => void remove()} data-testid="model-remove-confirm">
            {t('models.removeConfirm')}
          </Button>
        </div>
      </Modal>
    </li>
  );
}
