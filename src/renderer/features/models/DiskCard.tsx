import { Button } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { callOrNotify, notifyDone } from '../../app/notify';
import { Figure, FigureList } from '../../components/Figure';
import { Section } from '../../components/Section';
import { formatBytes } from '../../format/numbers';
import { useModels } from '../../stores/models-store';
import classes from './Models.module.css';

/** What models and shards take on the disk. */
export function DiskCard() {
  const { t } = useTranslation();
  const disk = useModels().view?.disk ?? null;
  const remove = async (): Promise<void> => {
    const removed = await callOrNotify('removeShards', 'models:remove-shards', null);
    if (removed.ok) notifyDone(t('models.disk.removed', { size: formatBytes(removed.value.freedBytes) }));
  };
  if (disk === null) return null;
  return (
    <Section title={t('models.disk.title')} hint={t('models.disk.shardsHint')}>
      <FigureList>
        <Figure label={t('models.disk.fetched')}>{formatBytes(disk.fetchedBytes)}</Figure>
        <Figure label={t('models.disk.shards')}>{formatBytes(disk.shardBytes)}</Figure>
        {disk.freeBytes !== null && <Figure label={t('models.disk.free')}>{formatBytes(disk.freeBytes)}</Figure>}
      </FigureList>
      <div className={classes.buttons}>
        <Button
          variant="default"
          size="xs"
          disabled={disk.shardBytes === 0}
          onClick={() => void remove()}
          data-testid="remove-shards"
        >
          {t('models.disk.removeShards')}
        </Button>
      </div>
    </Section>
  );
}
