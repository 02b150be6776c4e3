import { Button } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { callOrNotify } from '../../app/notify';
import { Section } from '../../components/Section';
import { formatLayers, formatTick } from '../../format/numbers';
import { useSnapshot } from '../../stores/snapshot-store';
import classes from './Contribute.module.css';

/** The coordinator asks whether this computer would hold other layers. Nothing when it does not ask. */
export function MoveQuestion() {
  const { t } = useTranslation();
  const proposal = useSnapshot(({ node }) => node.moveProposal);
  const held = useSnapshot(({ node }) => node.shard?.range ?? null);
  const [busy, setBusy] = useState(false);
  if (proposal === null) return null;
  const { range, gain } = proposal;
  const answer = async (accepted: boolean): Promise<void> => {
    setBusy(true);
    await callOrNotify('moveLayers', 'node:answer-move', { accepted });
    setBusy(false);
  };
  return (
    <Section title={t('contribute.move.title')}>
      <div role="status" data-testid="move-question">
        <p>
          {t('contribute.move.question', {
            layers: formatLayers(range.layer_start, range.layer_end),
            held: held === null ? '' : formatLayers(held.layer_start, held.layer_end),
          })}{' '}
          {gain === null ? t('contribute.move.fills') : t('contribute.move.stronger', { times: formatTick(gain) })}
        </p>
        <p className={classes.quiet}>{t('contribute.move.cost')}</p>
      </div>
      <div className={classes.answers}>
        <Button loading={busy} onClick={() => void answer(true)} data-testid="move-accept">
          {t('contribute.move.accept')}
        </Button>
        <Button variant="default" disabled={busy} onClick={() => void answer(false)} data-testid="move-decline">
          {t('contribute.move.decline')}
        </Button>
      </div>
    </Section>
  );
}
