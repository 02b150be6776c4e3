import { Button } from '@mantine/core';
import { IconFileCertificate } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import type { TrustView } from '../../../contract';
import { callOrNotify } from '../../app/notify';
import { EmptyState } from '../../components/EmptyState';
import { Section } from '../../components/Section';
import { AgreementCard } from './AgreementCard';

/** Agreements: own ones, and files of others. */
export function AgreementsTab({ view }: { readonly view: TrustView }) {
  const { t } = useTranslation();
  const openFile = (): void => void callOrNotify('file', 'agreement:import', null);
  return (
    <>
      <div>
        <Button variant="default" size="xs" onClick={openFile}>
          {t('discovery.agreements.import')}
        </Button>
      </div>
      {view.agreements.map((agreement) => (
        <AgreementCard key={agreement.id} agreement={agreement} view={view} />
      ))}
      {view.agreements.length === 0 && (
        <Section title={t('discovery.agreements.title')}>
          <EmptyState icon={IconFileCertificate} title={t('discovery.agreements.emptyTitle')}>
            {t('discovery.agreements.empty')}
          </EmptyState>
        </Section>
      )}
    </>
  );
}
