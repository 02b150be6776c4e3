import { Autocomplete, Button, Modal, NumberInput, SegmentedControl, Select, Textarea } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { HandshakeView } from '../../../contract';
import { CHALLENGE_SETS } from '../../../protocol/trust/challenge-sets';
import { CAPABILITY_TAXONOMY } from '../../../protocol/trust/taxonomy';
import { callOrNotify } from '../../app/notify';
import { useSnapshot } from '../../stores/snapshot-store';
import classes from './Discovery.module.css';

interface ChallengeDialogProps {
  readonly handshake: HandshakeView;
  readonly onClose: () => void;
}

const DEFAULT_TOKENS = 48;

/** A challenge written by hand or taken from a set; a question or a computation. */
export function ChallengeDialog({ handshake, onClose }: ChallengeDialogProps) {
  const { t } = useTranslation();
  const models = useSnapshot((snapshot) => snapshot.models);
  const [form, setForm] = useState<'question' | 'compute'>('question');
  const [domain, setDomain] = useState('reasoning');
  const [subdomain, setSubdomain] = useState('general');
  const [prompt, setPrompt] = useState('');
  const [set, setSet] = useState<string | null>(null);
  const [modelId, setModelId] = useState(models[0]?.modelId ?? '');
  const [tokens, setTokens] = useState(DEFAULT_TOKENS);
  const known = CAPABILITY_TAXONOMY.find(({ id }) => id === domain);
  const takeReady = (value: string | null): void => {
    const [setId, index] = (value ?? '').split('#');
    const found = CHALLENGE_SETS.find(({ id }) => id === setId);
    const ready = found?.challenges[Number(index)];
    if (found === undefined || ready === undefined) return setSet(null);
    setSet(found.title);
    setForm(ready.form);
    setDomain(ready.domain);
    setSubdomain(ready.subdomain);
    setPrompt(ready.prompt);
    if (ready.maxNewTokens !== null) setTokens(ready.maxNewTokens);
  };
  const send = async (): Promise<void> => {
    const result = await callOrNotify('handshake', 'handshake:challenge', {
      handshakeId: handshake.id,
      domain: domain.trim(),
      subdomain: subdomain.trim(),
      prompt: prompt.trim(),
      set,
      compute: form === 'compute' ? { modelId: modelId.trim(), maxNewTokens: tokens } : null,
    });
    if (result.ok) onClose();
  };
  const isFilled =
    prompt.trim() !== '' &&
    domain.trim() !== '' &&
    subdomain.trim() !== '' &&
    (form === 'question' || modelId.trim() !== '');
  return (
    <Modal opened onClose={onClose} title={t('discovery.challenge.new')} size="lg" centered>
      <div className={classes.stack}>
        <Select
          label={t('discovery.challenge.set')}
          placeholder={t('discovery.challenge.write')}
          clearable
          searchable
          data={CHALLENGE_SETS.map(({ id, title, challenges }) => ({
            group: title,
            items: challenges.map((one, index) => ({ value: `${id}#${index}`, label: one.prompt })),
          }))}
          onChange={takeReady}
        />
        <SegmentedControl
          aria-label={t('discovery.challenge.form')}
          value={form}
          onChange={(value) => setForm(value === 'compute' ? 'compute' : 'question')}
          data={[
            { value: 'question', label: t('discovery.challenge.question') },
            { value: 'compute', label: t('discovery.challenge.computeKind') },
          ]}
        />
        {form === 'compute' && <p className={classes.quiet}>{t('discovery.challenge.computeHint')}</p>}
        <Textarea
          label={t('discovery.challenge.prompt')}
          value={prompt}
          autosize
          minRows={3}
          maxRows={14}
          maxLength={60_000}
          onChange={(event) => setPrompt(event.currentTarget.value)}
          data-autofocus
          data-testid="challenge-prompt"
        />
        <div className={classes.row}>
          <Autocomplete
            className={classes.grow ?? ''}
            label={t('discovery.find.domain')}
            data={CAPABILITY_TAXONOMY.map(({ id }) => id)}
            value={domain}
            maxLength={300}
            onChange={setDomain}
          />
          <Autocomplete
            className={classes.grow ?? ''}
            label={t('discovery.find.subdomain')}
            data={known?.subdomains.map(({ id }) => id) ?? []}
            value={subdomain}
            maxLength={300}
            onChange={setSubdomain}
          />
        </div>
        {form === 'compute' && (
          <div className={classes.row}>
            <Autocomplete
              className={classes.grow ?? ''}
              label={t('discovery.find.model')}
              data={models.map((model) => model.modelId)}
              value={modelId}
              maxLength={300}
              onChange={setModelId}
            />
            <NumberInput
              className={classes.grow ?? ''}
              label={t('discovery.challenge.tokens')}
              value={tokens}
              min={1}
              max={2_048}
              allowDecimal={false}
              clampBehavior="strict"
              onChange={(value) => setTokens(typeof value === 'number' ? value : DEFAULT_TOKENS)}
            />
          </div>
        )}
        <div className={classes.actions}>
          <Button onClick={() => void send()} disabled={!isFilled} data-testid="challenge-send">
            {t('discovery.challenge.sendChallenge')}
          </Button>
          <Button variant="default" onClick={onClose}>
            {t('common.cancel')}
          </Button>
        </div>
      </div>
    </Modal>
  );
}
