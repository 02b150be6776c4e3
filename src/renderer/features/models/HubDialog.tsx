import { Button, Group, Modal, PasswordInput, Radio, Stack, TextInput } from '@mantine/core';
import { useState, type FormEvent } from 'react';
import { useTranslation } from 'react-i18next';
import type { HubChoice, HubModelView } from '../../../contract/models';
import { callOrNotify } from '../../app/notify';
import { failureText } from '../../format/failures';
import { formatBytes, formatCount } from '../../format/numbers';
import { callTore } from '../../stores/tore-api';
import classes from './Models.module.css';

/** Names a model of a hub, shows what it is, and begins to fetch it; its progress is on the list behind. */
export function HubDialog({ onClose }: { readonly onClose: () => void }) {
  const { t } = useTranslation();
  const [name, setName] = useState('');
  const [token, setToken] = useState('');
  const [endpoint, setEndpoint] = useState('');
  const [found, setFound] = useState<HubModelView | null>(null);
  const [file, setFile] = useState<string | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);

  const choice = (): HubChoice => ({
    name: file === null ? name.trim() : `${name.trim()}#${file}`,
    endpoint: endpoint.trim() === '' ? null : endpoint.trim(),
    accessToken: token.trim() === '' ? null : token.trim(),
  });
  const change = (set: (value: string) => void, value: string): void => {
    set(value);
    setFound(null);
    setFile(null);
    setProblem(null);
  };
  const look = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    const looked = await callTore('models:look-at-hub', choice());
    setBusy(false);
    setProblem(looked.ok ? null : failureText(looked.error));
    setFound(looked.ok ? looked.value : null);
  };
  const fetchModel = (): void => {
    void callOrNotify('importModel', 'models:import-hub', choice());
    onClose();
  };

  const bytes = found === null ? 0 : (found.choices.find((one) => one.file === file)?.sizeBytes ?? found.totalBytes);
  const hasRoom = found === null || found.freeBytes === null || found.freeBytes > bytes;
  const isClear = found !== null && (found.choices.length === 0 || file !== null);
  return (
    <Modal
      opened
      onClose={onClose}
      size="lg"
      title={t('models.hub.title')}
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
      <form onSubmit={(event) => void look(event)}>
        <Stack gap="md">
          <p>{t('models.hub.lead')}</p>
          <TextInput
            label={t('models.hub.name')}
            description={t('models.hub.nameHint')}
            value={name}
            onChange={(event) => change(setName, event.currentTarget.value)}
            spellCheck={false}
            maxLength={300}
            data-autofocus
            data-testid="hub-name"
          />
          <PasswordInput
            label={t('models.hub.token')}
            description={t('models.hub.tokenHint')}
            value={token}
            onChange={(event) => change(setToken, event.currentTarget.value)}
            autoComplete="off"
            maxLength={500}
          />
          <TextInput
            label={t('models.hub.endpoint')}
            description={t('models.hub.endpointHint')}
            value={endpoint}
            onChange={(event) => change(setEndpoint, event.currentTarget.value)}
            placeholder="https://huggingface.co"
            spellCheck={false}
            maxLength={500}
            data-testid="hub-endpoint"
          />
          {problem !== null && (
            <p className={classes.problem} role="alert">
              {problem}
            </p>
          )}
          {found !== null && found.choices.length > 0 && (
            <Radio.Group label={t('models.hub.choices')} value={file} onChange={setFile}>
              <Stack gap="xs" mt="xs">
                {found.choices.map((one) => (
                  <Radio key={one.file} value={one.file} label={`${one.file} · ${formatBytes(one.sizeBytes)}`} />
                ))}
              </Stack>
            </Radio.Group>
          )}
          {found !== null && (
            <dl className={classes.found} data-testid="hub-found">
              <dt>{t('models.hub.licence')}</dt>
              <dd>{found.licence ?? t('models.hub.noLicence')}</dd>
              {isClear && (
                <>
                  <dt>{t('models.hub.size')}</dt>
                  <dd>
                    {file === null
                      ? t('models.hub.sizeOf', { size: formatBytes(bytes), files: formatCount(found.files) })
                      : formatBytes(bytes)}
                  </dd>
                </>
              )}
              {found.freeBytes !== null && (
                <>
                  <dt>{t('models.hub.free')}</dt>
                  <dd>{formatBytes(found.freeBytes)}</dd>
                </>
              )}
              <dt>{t('models.hub.version')}</dt>
              <dd>{found.commit.slice(0, 12)}</dd>
            </dl>
          )}
          {!hasRoom && (
            <p className={classes.problem} role="alert">
              {t('models.hub.noRoom')}
            </p>
          )}
          <Group justify="flex-end">
            {found === null ? (
              <Button type="submit" loading={isBusy} disabled={name.trim() === ''} data-testid="hub-look">
                {t('models.hub.look')}
              </Button>
            ) : (
              <Button onClick={fetchModel} disabled={!isClear || !hasRoom} data-testid="hub-fetch">
                {t('models.hub.fetch')}
              </Button>
            )}
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
