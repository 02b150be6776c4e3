import { Button, Modal } from '@mantine/core';
import { IconAlertTriangle, IconShieldCheck } from '@tabler/icons-react';
import { Fragment, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { AgreementView, TrustView } from '../../../contract';
import { isFederationGrant } from '../../../protocol/federation/grant';
import { callOrNotify, notifyDone } from '../../app/notify';
import { Section } from '../../components/Section';
import { formatDate } from '../../format/times';
import { beginUnder } from '../../stores/sessions-store';
import { showScreen } from '../../stores/ui-store';
import { resourceLines } from './agreement-text';
import classes from './Discovery.module.css';
import { grantText } from './grant-draft';
import { TermsDialog } from './TermsDialog';

type DialogName = 'sign' | 'terminate' | 'renew';

interface AgreementCardProps {
  readonly agreement: AgreementView;
  readonly view: TrustView;
}

function useStandingText(agreement: AgreementView): string {
  const { t } = useTranslation();
  switch (agreement.standing) {
    case 'offered':
      return t('discovery.agreements.offered', { names: agreement.missing.join(', ') });
    case 'in-force':
      return t('discovery.agreements.inForce');
    case 'not-yet':
      return t('discovery.agreements.notYet', { time: formatDate(agreement.terms.effective_at) });
    case 'expired':
      return t('discovery.agreements.expired');
    case 'terminated':
      return t('discovery.agreements.terminated');
  }
}

/** One agreement: its terms, its signatures, and what can be done with it. */
export function AgreementCard({ agreement, view }: AgreementCardProps) {
  const { t } = useTranslation();
  const standing = useStandingText(agreement);
  const { terms } = agreement;
  const cost =
    typeof terms.cost.rate === 'number'
      ? t('discovery.agreements.costRate', { rate: terms.cost.rate, unit: terms.cost.unit })
      : terms.cost.unit;
  const grants = terms.resources.filter(isFederationGrant).map((grant) => {
    const party = agreement.parties.find(({ nodeId }) => nodeId === grant.served_by);
    return grantText(t, grant, party?.name ?? grant.served_by, terms.cost.unit);
  });
  const isGood = agreement.standing === 'in-force';
  return (
    <Section
      title={agreement.parties.map(({ name }) => name).join(' · ')}
      testId="agreement"
      actions={
        <span className={classes.fact} data-tone={isGood ? 'good' : 'wait'} data-testid="agreement-standing">
          {standing}
        </span>
      }
    >
      <div className={classes.facts}>
        {agreement.missing.length === 0 && (
          <span
            className={classes.fact}
            data-tone={agreement.verified ? 'good' : 'bad'}
            title={agreement.problem ?? undefined}
          >
            {agreement.verified ? <IconShieldCheck size={14} /> : <IconAlertTriangle size={14} />}
            {agreement.verified ? t('discovery.agreements.verified') : t('discovery.agreements.broken')}
          </span>
        )}
        {!agreement.isParty && <span>{t('discovery.agreements.foreign')}</span>}
        {agreement.renews !== null && <span>{t('discovery.agreements.renews')}</span>}
        <span>{t(`discovery.mode.${agreement.governanceMode}`)}</span>
        {agreement.parties.map(({ keyId }) => (
          <span key={keyId}>{t('discovery.record.key', { id: keyId })}</span>
        ))}
      </div>
      <dl className={classes.definition}>
        <dt>{t('discovery.agreements.purpose')}</dt>
        <dd>{terms.purpose}</dd>
        <dt>{t('discovery.agreements.resources')}</dt>
        <dd>{[...resourceLines(terms.resources), ...grants].join('\n')}</dd>
        <dt>{t('discovery.agreements.cost')}</dt>
        <dd>{cost}</dd>
        <dt>{t('discovery.agreements.data')}</dt>
        <dd>{terms.data_handling}</dd>
        <dt>{t('discovery.agreements.end')}</dt>
        <dd>{terms.termination}</dd>
        <dt>{t('discovery.agreements.from')}</dt>
        <dd>{formatDate(terms.effective_at)}</dd>
        <dt>{t('discovery.agreements.until')}</dt>
        <dd>{agreement.endsAt === null ? t('discovery.agreements.noEnd') : formatDate(agreement.endsAt)}</dd>
        {agreement.ended.map(({ by, at, reason }) => (
          <Fragment key={`${by} ${at}`}>
            <dt>{t('discovery.agreements.endedBy')}</dt>
            <dd>{[t('discovery.agreements.endedAt', { name: by, time: formatDate(at) }), reason ?? ''].join('\n')}</dd>
          </Fragment>
        ))}
        <dt>{t('discovery.agreements.evidence')}</dt>
        <dd>{t('discovery.agreements.evidence', { count: agreement.evidenceCount })}</dd>
      </dl>
      <Actions agreement={agreement} view={view} />
    </Section>
  );
}

function Actions({ agreement, view }: AgreementCardProps) {
  const { t } = useTranslation();
  const [dialog, setDialog] = useState<DialogName | null>(null);
  const { id, standing, isParty } = agreement;
  const handshake = view.handshakes.find((one) => one.id === agreement.handshakeId);
  const isOwn = isParty && handshake !== undefined;
  const save = async (): Promise<void> => {
    const result = await callOrNotify('agreement', 'agreement:export', { agreementId: id });
    if (result.ok && result.value !== null) notifyDone(t('discovery.own.saved', { path: result.value.path }));
  };
  const saveEnd = async (): Promise<void> => {
    const result = await callOrNotify('agreement', 'agreement:export-end', { agreementId: id });
    if (result.ok && result.value !== null) notifyDone(t('discovery.own.saved', { path: result.value.path }));
  };
  const openUnder = async (): Promise<void> => {
    const result = await callOrNotify('agreement', 'agreement:text', { agreementId: id });
    if (!result.ok) return;
    beginUnder({ name: agreement.parties.map(({ name }) => name).join(' · '), text: result.value.text });
    showScreen('sessions');
  };
  const show = async (): Promise<void> => {
    const result = await callOrNotify('agreement', 'agreement:show', { agreementId: id });
    if (!result.ok) return;
    const { expiresAt } = result.value;
    notifyDone(
      expiresAt === null
        ? t('discovery.agreements.shownForever')
        : t('discovery.agreements.shown', { time: formatDate(expiresAt) }),
    );
  };
  return (
    <div className={classes.actions}>
      {isOwn && agreement.isOwnSignatureMissing && (
        <Button onClick={() => setDialog('sign')} data-testid="agreement-sign">
          {t('discovery.agreements.sign')}
        </Button>
      )}
      {agreement.missing.length === 0 && (
        <Button variant="default" onClick={() => void save()} data-testid="agreement-export">
          {t('discovery.agreements.export')}
        </Button>
      )}
      {agreement.ended.length > 0 && (
        <Button
          variant="default"
          title={t('discovery.agreements.exportEndHint')}
          onClick={() => void saveEnd()}
          data-testid="agreement-export-end"
        >
          {t('discovery.agreements.exportEnd')}
        </Button>
      )}
      {isParty && standing === 'in-force' && (
        <Button
          variant="default"
          title={t('discovery.agreements.sessionHint')}
          onClick={() => void openUnder()}
          data-testid="agreement-session"
        >
          {t('discovery.agreements.session')}
        </Button>
      )}
      {isParty && standing === 'in-force' && (
        <Button variant="default" title={t('discovery.agreements.showHint')} onClick={() => void show()}>
          {t('discovery.agreements.show')}
        </Button>
      )}
      {isOwn && agreement.missing.length === 0 && (
        <Button variant="default" onClick={() => setDialog('renew')}>
          {t('discovery.agreements.renew')}
        </Button>
      )}
      {isOwn && standing === 'in-force' && (
        <Button variant="default" onClick={() => setDialog('terminate')}>
          {t('discovery.agreements.terminate')}
        </Button>
      )}
      {dialog === 'renew' && handshake !== undefined && (
        <TermsDialog handshake={handshake} renews={agreement} onClose={() => setDialog(null)} />
      )}
      {(dialog === 'sign' || dialog === 'terminate') && (
        <ConfirmDialog agreementId={id} kind={dialog} onClose={() => setDialog(null)} />
      )}
    </div>
  );
}

interface ConfirmDialogProps {
  readonly agreementId: string;
  readonly kind: 'sign' | 'terminate';
  readonly onClose: () => void;
}

/** Signing binds, ending cannot be undone: both are asked once more. */
function ConfirmDialog({ agreementId, kind, onClose }: ConfirmDialogProps) {
  const { t } = useTranslation();
  const confirm = async (): Promise<void> => {
    const result =
      kind === 'sign'
        ? await callOrNotify('agreement', 'agreement:sign', { agreementId })
        : await callOrNotify('agreement', 'agreement:terminate', {
            agreementId,
            reason: '',
            effectiveAt: new Date().toISOString(),
          });
    // It has ended all the same when the other party could not be told; the note says what to do about that.
    if (result.ok || result.error.code === 'other-not-told') onClose();
  };
  return (
    <Modal opened onClose={onClose} title={t(`discovery.agreements.${kind}Title`)} centered>
      <div className={classes.stack}>
        <p>{t(`discovery.agreements.${kind}Text`)}</p>
        <div className={classes.actions}>
          <Button onClick={() => void confirm()} data-testid="agreement-confirm">
            {t(`discovery.agreements.${kind}`)}
          </Button>
          <Button variant="default" onClick={onClose}>
            {t('common.cancel')}
          </Button>
        </div>
      </div>
    </Modal>
  );
}
