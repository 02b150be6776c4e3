import { Button, Modal, Textarea } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { HandshakeView } from '../../../contract';
import { callOrNotify } from '../../app/notify';
import classes from './Discovery.module.css';

export type DecisionKind = 'accept' | 'reject' | 'withdraw';

const TITLES = { accept: 'confirmAccept', reject: 'confirmReject', withdraw: 'confirmWithdraw' } as const;

interface DecideDialogProps {
  readonly handshake: HandshakeView;
  readonly name: string;
  readonly kind: DecisionKind;
  readonly onClose: () => void;
}

/** The last word of this side, with an optional reason. */
export function DecideDialog({ handshake, name, kind, onClose }: DecideDialogProps) {
  const { t } = useTranslation();
  const [reason, setReason] = useState('');
  const decide = async (): Promise<void> => {
    const input = { handshakeId: handshake.id, reason: reason.trim() };
    const result =
      kind === 'withdraw'
        ? await callOrNotify('handshake', 'handshake:withdraw', input)
        : await callOrNotify('handshake', 'handshake:decide', { ...input, decision: kind });
    if (result.ok) onClose();
  };
  return (
    <Modal opened onClose={onClose} title={t(`discovery.handshakes.${TITLES[kind]}`, { name })} centered>
      <div className={classes.stack}>
        <Textarea
          label={t('discovery.handshakes.reason')}
          description={t('discovery.handshakes.reasonHint')}
          value={reason}
          autosize
          minRows={2}
          maxRows={8}
          maxLength={60_000}
          onChange={(event) => setReason(event.currentTarget.value)}
        />
        <div className={classes.actions}>
          <Button onClick={() => void decide()} data-testid="decide-confirm">
            {t(`discovery.handshakes.${kind}`)}
          </Button>
          <Button variant="default" onClick={onClose}>
            {t('common.cancel')}
          </Button>
        </div>
      </div>
    </Modal>
  );
}
