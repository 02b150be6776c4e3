import { Button, Modal, NumberInput, Textarea } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { DiscoveryRecord } from '../../../protocol/trust/discovery';
import { callOrNotify, notifyDone } from '../../app/notify';
import classes from './Discovery.module.css';
import { ModeSelect, type Mode } from './ModeSelect';
import { DEFAULT_QUOTA, QuotaFields } from './QuotaFields';

interface ProposeDialogProps {
  readonly record: DiscoveryRecord;
  readonly onClose: () => void;
  readonly onProposed: (handshakeId: string) => void;
}

const DEFAULT_DAYS = 30;

/** Begins a handshake with the party of a record. */
export function ProposeDialog({ record, onClose, onProposed }: ProposeDialogProps) {
  const { t } = useTranslation();
  const { node } = record;
  const name = node.display_name ?? t('discovery.record.unnamed');
  const [purpose, setPurpose] = useState('');
  const [mode, setMode] = useState<Mode>(record.governance_mode);
  const [quota, setQuota] = useState(DEFAULT_QUOTA);
  const [days, setDays] = useState(DEFAULT_DAYS);
  const [isSending, setSending] = useState(false);
  const send = async (): Promise<void> => {
    setSending(true);
    const result = await callOrNotify('handshake', 'handshake:propose', {
      nodeId: node.node_id,
      publicKey: node.public_key,
      name: name.slice(0, 300),
      recordId: record.id,
      purpose: purpose.trim(),
      governanceMode: mode,
      quota,
      days,
    });
    setSending(false);
    if (!result.ok) return;
    notifyDone(t('discovery.propose.sent'));
    onClose();
    onProposed(result.value.handshakeId);
  };
  return (
    <Modal opened onClose={onClose} title={t('discovery.propose.title', { name })} centered>
      <div className={classes.stack}>
        <Textarea
          label={t('discovery.propose.purpose')}
          description={t('discovery.propose.purposeHint')}
          value={purpose}
          onChange={(event) => setPurpose(event.currentTarget.value)}
          autosize
          minRows={3}
          maxRows={10}
          maxLength={60_000}
          data-autofocus
          data-testid="propose-purpose"
        />
        <ModeSelect value={mode} onChange={setMode} />
        <QuotaFields quota={quota} onChange={setQuota} />
        <NumberInput
          label={t('discovery.propose.days')}
          suffix={` ${t('discovery.propose.daysUnit')}`}
          value={days}
          min={1}
          max={180}
          allowDecimal={false}
          clampBehavior="strict"
          onChange={(value) => setDays(typeof value === 'number' ? value : DEFAULT_DAYS)}
        />
        <div className={classes.actions}>
          <Button
            onClick={() => void send()}
            disabled={purpose.trim() === '' || days < 1}
            loading={isSending}
            data-testid="propose-send"
          >
            {t('discovery.propose.send')}
          </Button>
          <Button variant="default" onClick={onClose}>
            {t('common.cancel')}
          </Button>
        </div>
      </div>
    </Modal>
  );
}
