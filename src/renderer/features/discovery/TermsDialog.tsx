import { Button, Modal, NumberInput, Select, Textarea, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { AgreementView, CallInput, HandshakeSummary } from '../../../contract';
import { POLICY_TEMPLATES, policyWords, type PolicyTemplate } from '../../../protocol/trust/policy';
import { callOrNotify, notifyDone } from '../../app/notify';
import { resourceLines } from './agreement-text';
import classes from './Discovery.module.css';
import { draftOfGrant, grantOfDraft, NO_GRANT, type GrantDraft } from './grant-draft';
import { GrantFields } from './GrantFields';

const DAY_MS = 86_400_000;

interface TermsDraft {
  readonly purpose: string;
  /** One in each line. */
  readonly resources: string;
  readonly costUnit: string;
  readonly costRate: number | null;
  readonly costLedger: string;
  readonly dataHandling: string;
  readonly termination: string;
  readonly from: string;
  /** Empty without an end. */
  readonly until: string;
  /** What the coordinators serve for each other: this party's, and the other's. */
  readonly own: GrantDraft;
  readonly other: GrantDraft;
}

const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

function draftOfTemplate({ terms }: PolicyTemplate, purpose: string, nowMs: number): TermsDraft {
  return {
    purpose: purpose === '' ? terms.purpose : purpose,
    resources: terms.resources.join('\n'),
    costUnit: terms.cost.unit,
    costRate: terms.cost.rate ?? null,
    costLedger: '',
    dataHandling: terms.data_handling,
    termination: terms.termination,
    from: dayOf(nowMs),
    until: dayOf(nowMs + terms.duration_days * DAY_MS),
    own: NO_GRANT,
    other: NO_GRANT,
  };
}

/** A renewal goes on where the earlier agreement ends, for as long as it lasted. */
function draftOfAgreement({ terms, parties }: AgreementView, otherId: string, nowMs: number): TermsDraft {
  const fromMs = Date.parse(terms.effective_at);
  const untilMs = typeof terms.expires_at === 'string' ? Date.parse(terms.expires_at) : null;
  const startMs = Math.max(nowMs, untilMs ?? nowMs);
  const own = parties.find(({ nodeId }) => nodeId !== otherId);
  return {
    purpose: terms.purpose,
    resources: resourceLines(terms.resources).join('\n'),
    costUnit: terms.cost.unit,
    costRate: terms.cost.rate ?? null,
    costLedger: terms.cost.ledger ?? '',
    dataHandling: terms.data_handling,
    termination: terms.termination,
    from: dayOf(startMs),
    until: untilMs === null ? '' : dayOf(startMs + untilMs - fromMs),
    own: draftOfGrant(terms.resources, own?.nodeId ?? ''),
    other: draftOfGrant(terms.resources, otherId),
  };
}

function inputOf(draft: TermsDraft): CallInput<'agreement:offer'>['terms'] {
  const lines = draft.resources.split('\n').map((line) => line.trim().slice(0, 300));
  const ledger = draft.costLedger.trim();
  return {
    purpose: draft.purpose.trim(),
    resources: lines.filter(Boolean).slice(0, 50),
    costUnit: draft.costUnit.trim(),
    costRate: draft.costRate,
    costLedger: ledger === '' ? null : ledger,
    dataHandling: draft.dataHandling.trim(),
    effectiveAt: `${draft.from}T00:00:00.000Z`,
    expiresAt: draft.until === '' ? null : `${draft.until}T00:00:00.000Z`,
    termination: draft.termination.trim(),
    federation: { own: grantOfDraft(draft.own), other: grantOfDraft(draft.other) },
  };
}

interface TermsDialogProps {
  readonly handshake: HandshakeSummary;
  /** The agreement that is renewed, or null for the first one. */
  readonly renews: AgreementView | null;
  readonly onClose: () => void;
}

/** Writes the terms of an agreement, signs them and sends them. */
export function TermsDialog({ handshake, renews, onClose }: TermsDialogProps) {
  const { t, i18n } = useTranslation();
  const [draft, setDraft] = useState<TermsDraft>(() => {
    if (renews !== null) return draftOfAgreement(renews, handshake.other.nodeId, Date.now());
    const fitting = POLICY_TEMPLATES.find((one) => one.governance_mode === handshake.governanceMode);
    const [first] = POLICY_TEMPLATES;
    const template = fitting ?? first;
    if (template === undefined) throw new Error('no policy template is shipped');
    return draftOfTemplate(template, handshake.purpose, Date.now());
  });
  const set = (change: Partial<TermsDraft>): void => setDraft((before) => ({ ...before, ...change }));
  const offer = async (): Promise<void> => {
    const result = await callOrNotify('agreement', 'agreement:offer', {
      handshakeId: handshake.id,
      terms: inputOf(draft),
      renews: renews?.id ?? null,
    });
    if (!result.ok) return;
    notifyDone(t('discovery.agreements.offerSent'));
    onClose();
  };
  const { purpose, costUnit, dataHandling, termination, from, until } = draft;
  const isFilled = [purpose, costUnit, dataHandling, termination, from].every((text) => text.trim() !== '');
  const isOrdered = until === '' || until > from;
  return (
    <Modal
      opened
      onClose={onClose}
      title={t('discovery.agreements.termsTitle', { name: handshake.other.name })}
      size="lg"
      centered
    >
      <div className={classes.stack}>
        {renews === null && (
          <Select
            label={t('discovery.agreements.template')}
            description={t('discovery.agreements.templateHint')}
            placeholder="…"
            data={POLICY_TEMPLATES.map((policy) => ({
              value: policy.id,
              label: policyWords(policy, i18n.language).title,
            }))}
            onChange={(id) => {
              const template = POLICY_TEMPLATES.find((one) => one.id === id);
              if (template !== undefined) setDraft(draftOfTemplate(template, '', Date.now()));
            }}
          />
        )}
        <TermText
          label={t('discovery.agreements.purpose')}
          value={purpose}
          onChange={(text) => set({ purpose: text })}
        />
        <Textarea
          label={t('discovery.agreements.resources')}
          description={t('discovery.agreements.resourcesHint')}
          value={draft.resources}
          autosize
          minRows={2}
          maxRows={8}
          maxLength={15_000}
          onChange={(event) => set({ resources: event.currentTarget.value })}
        />
        <div className={classes.row}>
          <TextInput
            className={classes.grow ?? ''}
            label={t('discovery.agreements.unit')}
            description={t('discovery.agreements.unitHint')}
            value={costUnit}
            maxLength={300}
            onChange={(event) => set({ costUnit: event.currentTarget.value })}
            data-testid="agreement-unit"
          />
          <NumberInput
            className={classes.grow ?? ''}
            label={t('discovery.agreements.rate')}
            description={t('discovery.key.optional')}
            value={draft.costRate ?? ''}
            min={0}
            onChange={(value) => set({ costRate: typeof value === 'number' ? value : null })}
            data-testid="agreement-rate"
          />
        </div>
        <TextInput
          label={t('discovery.agreements.ledger')}
          description={t('discovery.key.optional')}
          value={draft.costLedger}
          maxLength={300}
          onChange={(event) => set({ costLedger: event.currentTarget.value })}
        />
        <fieldset className={classes.group ?? ''}>
          <legend>{t('discovery.grant.title')}</legend>
          <p className={classes.quiet}>{t('discovery.grant.hint')}</p>
          <GrantFields
            label={t('discovery.grant.own')}
            draft={draft.own}
            unit={costUnit}
            testId="grant-own"
            onChange={(own) => set({ own })}
          />
          <GrantFields
            label={t('discovery.grant.other', { name: handshake.other.name })}
            draft={draft.other}
            unit={costUnit}
            testId="grant-other"
            onChange={(other) => set({ other })}
          />
        </fieldset>
        <TermText
          label={t('discovery.agreements.data')}
          value={dataHandling}
          onChange={(text) => set({ dataHandling: text })}
        />
        <TermText
          label={t('discovery.agreements.end')}
          value={termination}
          onChange={(text) => set({ termination: text })}
        />
        <div className={classes.row}>
          <TextInput
            className={classes.grow ?? ''}
            type="date"
            label={t('discovery.agreements.from')}
            value={from}
            onChange={(event) => set({ from: event.currentTarget.value })}
          />
          <TextInput
            className={classes.grow ?? ''}
            type="date"
            label={t('discovery.agreements.until')}
            value={until}
            onChange={(event) => set({ until: event.currentTarget.value })}
          />
        </div>
        <div className={classes.actions}>
          <Button onClick={() => void offer()} disabled={!isFilled || !isOrdered} data-testid="agreement-offer">
            {t('discovery.agreements.offer')}
          </Button>
          <Button variant="default" onClick={onClose}>
            {t('common.cancel')}
          </Button>
        </div>
      </div>
    </Modal>
  );
}

interface TermTextProps {
  readonly label: string;
  readonly value: string;
  readonly onChange: (text: string) => void;
}

function TermText({ label, value, onChange }: TermTextProps) {
  return (
    <Textarea
      label={label}
      value={value}
      autosize
      minRows={2}
      maxRows={10}
      maxLength={60_000}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  );
}
