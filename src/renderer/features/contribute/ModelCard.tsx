import { Button } from '@mantine/core';
import { IconFolder } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { changeSettings } from '../../app/change-settings';
import { callOrNotify } from '../../app/notify';
import { Section } from '../../components/Section';
import { formatCount } from '../../format/numbers';
import { useSnapshot } from '../../stores/snapshot-store';
import classes from './Contribute.module.css';

/** Which model is served: the shipped one, or a folder on this computer. */
export function ModelCard() {
  const { t } = useTranslation();
  const folder = useSnapshot(({ settings }) => settings.contribution.modelFolder);
  const [busy, setBusy] = useState(false);
  const [chosen, setChosen] = useState<{ readonly name: string; readonly layers: number } | null>(null);

  const choose = async (): Promise<void> => {
    setBusy(true);
    const result = await callOrNotify('chooseFolder', 'models:choose-folder', null);
    if (result.ok && result.value !== null) {
      const { folder: picked, friendlyName, totalLayers } = result.value;
      const saved = await changeSettings({ contribution: { modelFolder: picked, layerChoice: { kind: 'automatic' } } });
      setChosen(saved ? { name: friendlyName, layers: totalLayers } : null);
    }
    setBusy(false);
  };

  const takeShipped = async (): Promise<void> => {
    setBusy(true);
    await changeSettings({ contribution: { modelFolder: null, layerChoice: { kind: 'automatic' } } });
    setChosen(null);
    setBusy(false);
  };

  return (
    <Section title={t('contribute.model.title')} hint={t('contribute.model.hint')}>
      {folder === null ? (
        <p>{t('contribute.model.shipped')}</p>
      ) : (
        <p className={classes.folder}>
          <IconFolder size={18} stroke={1.5} role="img" aria-label={t('contribute.model.folder')} />
          <code>{folder}</code>
        </p>
      )}
      {chosen !== null && (
        <p role="status">{t('contribute.model.chosen', { name: chosen.name, layers: formatCount(chosen.layers) })}</p>
      )}
      <div className={classes.buttons}>
        <Button variant="default" loading={busy} onClick={() => void choose()}>
          {t('contribute.model.choose')}
        </Button>
        {folder !== null && (
          <Button variant="default" disabled={busy} onClick={() => void takeShipped()}>
            {t('contribute.model.useShipped')}
          </Button>
        )}
      </div>
    </Section>
  );
}
