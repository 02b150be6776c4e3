import { Button, Modal, PasswordInput, Select, TextInput } from '@mantine/core';
import { useState, type FormEvent } from 'react';
import { useTranslation } from 'react-i18next';
import type { OwnModelKind, OwnModelView } from '../../../contract';
import type { Failure } from '../../../protocol/result';
import { failureText } from '../../format/failures';
import { callTore } from '../../stores/tore-api';
import { CountInput } from './CountInput';
import classes from './Sessions.module.css';

type ProviderKind = Exclude<OwnModelKind, 'network'>;
const KINDS: readonly ProviderKind[] = ['openai-compatible', 'anthropic', 'openai', 'google'];

/** Ollama listens here when nobody changed it. */
const USUAL_ADDRESS = 'http://127.0.0.1:11434/v1';

interface OwnModelDialogProps {
  readonly model: 'new' | OwnModelView | null;
  readonly onClose: () => void;
  readonly onSaved: (models: readonly OwnModelView[]) => void;
}

/** Sets up a model of a provider or of a server of one's own. */
export function OwnModelDialog({ model, onClose, onSaved }: OwnModelDialogProps) {
  const { t } = useTranslation();
  const known = model === null || model === 'new' ? null : model;
  const [kind, setKind] = useState<ProviderKind>((known?.kind as ProviderKind | undefined) ?? 'openai-compatible');
  const [name, setName] = useState(known?.name ?? '');
  const [modelId, setModelId] = useState(known?.modelId ?? '');
  const [baseUrl, setBaseUrl] = useState(known?.baseUrl ?? USUAL_ADDRESS);
  const [key, setKey] = useState('');
  const [contextLength, setContextLength] = useState(known?.contextLength ?? 8_192);
  const [maxNewTokens, setMaxNewTokens] = useState(known?.maxNewTokens ?? 512);
  const [error, setError] = useState<Failure | null>(null);
  const [busy, setBusy] = useState(false);

  const finish = (result: Awaited<ReturnType<typeof callTore<'own-models:save'>>>): void => {
    setBusy(false);
    setError(result.ok ? null : result.error);
    if (!result.ok) return;
    onSaved(result.value);
    onClose();
  };
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    const fields = {
      kind,
      name: name.trim(),
      modelId: modelId.trim(),
      baseUrl: kind === 'openai-compatible' ? baseUrl.trim() : null,
      contextLength,
      maxNewTokens,
    };
    finish(await callTore('own-models:save', { id: known?.id ?? null, fields, key: key === '' ? null : key }));
  };
  const remove = async (): Promise<void> => {
    if (known === null) return;
    setBusy(true);
    finish(await callTore('own-models:remove', { id: known.id }));
  };
  const canSave =
    name.trim() !== '' && modelId.trim() !== '' && (kind !== 'openai-compatible' || baseUrl.trim() !== '');
  return (
    <Modal
      opened={model !== null}
      onClose={onClose}
      title={t('sessions.model.form.title')}
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
      <form className={classes.form} onSubmit={(event) => void submit(event)}>
        <Select
          label={t('sessions.model.form.kind')}
          value={kind}
          allowDeselect={false}
          data={KINDS.map((value) => ({ value, label: t(`sessions.model.form.kinds.${value}`) }))}
          onChange={(value) => setKind(value as ProviderKind)}
        />
        <TextInput
          label={t('sessions.model.form.name')}
          value={name}
          maxLength={60}
          required
          data-autofocus
          data-testid="own-model-name"
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <TextInput
          label={t('sessions.model.form.modelId')}
          value={modelId}
          maxLength={200}
          required
          data-testid="own-model-id"
          onChange={(event) => setModelId(event.currentTarget.value)}
        />
        {kind === 'openai-compatible' && (
          <TextInput
            label={t('sessions.model.form.baseUrl')}
            value={baseUrl}
            maxLength={2_000}
            required
            data-testid="own-model-url"
            onChange={(event) => setBaseUrl(event.currentTarget.value)}
          />
        )}
        <PasswordInput
          label={t('sessions.model.form.key')}
          description={t(known?.hasKey === true ? 'sessions.model.form.keyKept' : 'sessions.model.form.keyHint')}
          value={key}
          maxLength={2_000}
          autoComplete="off"
          onChange={(event) => setKey(event.currentTarget.value)}
        />
        <div className={classes.pair}>
          <CountInput
            label={t('sessions.model.form.contextLength')}
            value={contextLength}
            min={128}
            max={10_000_000}
            onChange={setContextLength}
          />
          <CountInput
            label={t('sessions.model.form.maxNewTokens')}
            value={maxNewTokens}
            min={1}
            max={100_000}
            onChange={setMaxNewTokens}
          />
        </div>
        {error !== null && (
          <p className={classes.error} role="alert">
            {failureText(error)}
          </p>
        )}
        <div className={classes.actions}>
          {known !== null && (
            <Button variant="subtle" color="coral" mr="auto" onClick={() => void remove()}>
              {t('sessions.model.form.remove')}
            </Button>
          )}
          <Button variant="default" onClick={onClose}>
            {t('common.cancel')}
          </Button>
          <Button type="submit" loading={busy} disabled={!canSave} data-testid="own-model-save">
            {t('sessions.model.form.save')}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
