import { PasswordInput } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { useSnapshot } from '../stores/snapshot-store';
import type { CoordinatorChecking } from '../stores/use-coordinator-check';

/** Where the access token of a coordinator is typed that asked for one when its address was checked. */
export function CoordinatorTokenField({ checking }: { readonly checking: CoordinatorChecking }) {
  const { t } = useTranslation();
  const encrypted = useSnapshot(({ secretsEncrypted }) => secretsEncrypted);
  const { failure, token, setToken } = checking;
  if (token === '' && failure?.code !== 'coordinator-unauthorized') return null;
  const where = encrypted ? t('settings.secret.encrypted') : t('settings.secret.plain');
  return (
    <PasswordInput
      label={t('settings.accessToken.title')}
      description={t('settings.secret.kept', { where })}
      value={token}
      maxLength={4_000}
      autoComplete="off"
      onChange={(event) => setToken(event.currentTarget.value)}
      visibilityToggleButtonProps={{ 'aria-label': t('settings.accessToken.reveal') }}
      data-testid="coordinator-token"
    />
  );
}
