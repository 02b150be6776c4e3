import { Button } from '@mantine/core';
import { IconCloudDownload, IconFile, IconFolder, IconRefresh, IconStack2 } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { callOrNotify } from '../../app/notify';
import { EmptyState } from '../../components/EmptyState';
import { FailedState } from '../../components/FailedState';
import { Section } from '../../components/Section';
import { formatPercent } from '../../format/numbers';
import { useModels } from '../../stores/models-store';
import { HubDialog } from './HubDialog';
import { ModelRow } from './ModelRow';
import classes from './Models.module.css';

/** The models of this computer and of its coordinator. */
export function ModelsCard() {
  const { t } = useTranslation();
  const { view, failure } = useModels();
  const [isHubOpen, setHubOpen] = useState(false);
  const importing = view?.importing ?? null;
  const offeredProblem = view?.offeredProblem ?? null;
  const choose = (what: 'file' | 'folder'): void => {
    void callOrNotify('importModel', 'models:choose-import', { what });
  };
  return (
    <Section
      title={t('models.title')}
      hint={t('models.hint')}
      actions={
        <Button
          variant="subtle"
          size="xs"
          leftSection={<IconRefresh size={14} stroke={1.5} aria-hidden="true" />}
          onClick={() => void callOrNotify('readModels', 'models:refresh', null)}
        >
          {t('models.refresh')}
        </Button>
      }
      testId="models"
    >
      {failure !== null && <FailedState title={t('models.failedTitle')} failure={failure} />}
      {view !== null && view.models.length === 0 && (
        <EmptyState icon={IconStack2} title={t('models.emptyTitle')}>
          {t('models.empty')}
        </EmptyState>
      )}
      {offeredProblem !== null && (
        <p className={classes.problem} role="status">
          {t('models.offeredProblem', { reason: offeredProblem })}
        </p>
      )}
      {view !== null && view.models.length > 0 && (
        <ul className={classes.list}>
          {view.models.map((model) => (
            <ModelRow key={model.key} model={model} />
          ))}
        </ul>
      )}
      {importing !== null && (
        <div className={classes.importing} role="status">
          <span>{t('models.importing', { name: importing.name, percent: formatPercent(importing.fraction) })}</span>
          <Button
            variant="default"
            size="xs"
            onClick={() => void callOrNotify('importModel', 'models:cancel-import', null)}
          >
            {t('models.cancelImport')}
          </Button>
        </div>
      )}
      <div className={classes.buttons}>
        <Button
          variant="default"
          size="xs"
          disabled={importing !== null}
          leftSection={<IconFolder size={14} stroke={1.5} aria-hidden="true" />}
          onClick={() => choose('folder')}
        >
          {t('models.importFolder')}
        </Button>
        <Button
          variant="default"
          size="xs"
          disabled={importing !== null}
          leftSection={<IconFile size={14} stroke={1.5} aria-hidden="true" />}
          onClick={() => choose('file')}
        >
          {t('models.importFile')}
        </Button>
        <Button
          variant="default"
          size="xs"
          disabled={importing !== null}
          leftSection={<IconCloudDownload size={14} stroke={1.5} aria-hidden="true" />}
          onClick={() => setHubOpen(true)}
          data-testid="import-hub"
        >
          {t('models.importHub')}
        </Button>
      </div>
      {isHubOpen && <HubDialog onClose={() => setHubOpen(false)} />}
    </Section>
  );
}
