import { Button, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { callOrNotify } from '../../app/notify';
import { Section } from '../../components/Section';
import classes from './Discovery.module.css';
import { RestoreDialog } from './RestoreDialog';

/** What stands where there is no key yet. */
export function CreateKeyCard() {
  const { t } = useTranslation();
  const [name, setName] = useState('');
  const [institution, setInstitution] = useState('');
  const [isRestoring, setRestoring] = useState(false);
  const create = async (): Promise<void> => {
    const trimmed = institution.trim();
    await callOrNotify('key', 'keys:create', {
      name: name.trim(),
      institution: trimmed === '' ? null : trimmed,
    });
  };
  return (
    <Section title={t('discovery.key.title')} hint={t('discovery.key.why')}>
      <div className={classes.row}>
        <TextInput
          className={classes.grow ?? ''}
          label={t('discovery.key.name')}
          description={t('discovery.key.nameHint')}
          value={name}
          maxLength={300}
          onChange={(event) => setName(event.currentTarget.value)}
          data-testid="key-name"
        />
        <TextInput
          className={classes.grow ?? ''}
          label={t('discovery.key.institution')}
          description={t('discovery.key.optional')}
          value={institution}
          maxLength={300}
          onChange={(event) => setInstitution(event.currentTarget.value)}
          data-testid="key-institution"
        />
      </div>
      <div className={classes.actions}>
        <Button onClick={() => void create()} disabled={name.trim() === ''} data-testid="key-create">
          {t('discovery.key.create')}
        </Button>
        <Button variant="default" onClick={() => setRestoring(true)}>
          {t('discovery.key.restore')}
        </Button>
      </div>
      {isRestoring && <RestoreDialog hasKey={false} onClose={() => setRestoring(false)} />}
    </Section>
  );
}
