import { ActionIcon, Autocomplete, Button, Select, Switch, Textarea, TextInput } from '@mantine/core';
import { IconPlus, IconTrash } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { CallInput, RecordDraft, TrustView } from '../../../contract';
import type { DiscoveryRecord } from '../../../protocol/trust/discovery';
import { CAPABILITY_TAXONOMY } from '../../../protocol/trust/taxonomy';
import { callOrNotify, notifyDone } from '../../app/notify';
import { Section } from '../../components/Section';
import { formatDate } from '../../format/times';
import classes from './Discovery.module.css';
import { ModeSelect } from './ModeSelect';
import { DEFAULT_QUOTA, QuotaFields } from './QuotaFields';

type Capability = RecordDraft['capabilities'][number];

const LIFETIMES_DAYS = [30, 90, 365] as const;
const DAY_MS = 86_400_000;
const EMPTY: Capability = { domain: '', subdomain: '', models: [], description: '' };

/** The form of a record, filled from the one that was signed last. */
function draftOf(record: DiscoveryRecord | null): RecordDraft {
  if (record === null) {
    return {
      capabilities: [EMPTY],
      governanceMode: 'voluntary',
      quota: DEFAULT_QUOTA,
      availability: '',
      lifetimeDays: 90,
    };
  }
  const { accepts, quota } = record.challenge_policy;
  const days = Math.round((Date.parse(record.expires_at) - Date.parse(record.issued_at)) / DAY_MS);
  return {
    capabilities: record.capabilities.map(({ domain, subdomain, models, description }) => ({
      domain,
      subdomain,
      models: models ?? [],
      description: description ?? '',
    })),
    governanceMode: record.governance_mode,
    quota: accepts && quota ? { count: quota.count, windowSeconds: quota.window_seconds } : null,
    availability: typeof record.availability === 'string' ? record.availability : '',
    lifetimeDays: days,
  };
}

/** The draft as main takes it: only rows that say something, in arrays of their own. */
function publishInput(draft: RecordDraft, filled: readonly Capability[]): CallInput<'discovery:publish'> {
  const capabilities = filled.map((one) => ({
    domain: one.domain.trim(),
    subdomain: one.subdomain.trim(),
    models: [...one.models],
    description: one.description.trim(),
  }));
  return { ...draft, capabilities };
}

/** What others find of this party. */
export function OwnRecordCard({ view }: { readonly view: TrustView }) {
  const { t } = useTranslation();
  const { record, published } = view.ownRecord;
  const [draft, setDraft] = useState(() => draftOf(record));
  const set = (change: Partial<RecordDraft>): void => setDraft((before) => ({ ...before, ...change }));
  const setCapability = (index: number, change: Partial<Capability>): void =>
    set({ capabilities: draft.capabilities.map((one, at) => (at === index ? { ...one, ...change } : one)) });
  const filled = draft.capabilities.filter(({ domain, subdomain }) => domain.trim() !== '' && subdomain.trim() !== '');
  const publish = async (): Promise<void> => {
    const result = await callOrNotify('record', 'discovery:publish', publishInput(draft, filled));
    if (result.ok) notifyDone(t('discovery.own.publishedDone'));
  };
  const withdraw = async (): Promise<void> => {
    const result = await callOrNotify('record', 'discovery:withdraw', null);
    if (result.ok) notifyDone(t('discovery.own.withdrawn'));
  };
  const exportRecord = async (): Promise<void> => {
    const result = await callOrNotify('record', 'discovery:export', null);
    if (result.ok && result.value !== null) notifyDone(t('discovery.own.saved', { path: result.value.path }));
  };
  return (
    <Section title={t('discovery.own.title')} hint={t('discovery.own.hint')} testId="own-record">
      <p className={classes.fact} data-tone={published ? 'good' : undefined} data-testid="record-state">
        {published && record !== null
          ? t('discovery.own.published', { time: formatDate(record.expires_at) })
          : t('discovery.own.notPublished')}
      </p>
      <div className={classes.stack} role="group" aria-label={t('discovery.own.capabilities')}>
        {draft.capabilities.map((capability, index) => (
          <CapabilityFields
            // Rows are edited in place and removed by their place.
            // oxlint-disable-next-line react/no-array-index-key
            key={index}
            capability={capability}
            onChange={(change) => setCapability(index, change)}
            onRemove={() => set({ capabilities: draft.capabilities.filter((_, at) => at !== index) })}
          />
        ))}
        <div>
          <Button
            variant="default"
            size="xs"
            leftSection={<IconPlus size={14} />}
            disabled={draft.capabilities.length >= 50}
            onClick={() => set({ capabilities: [...draft.capabilities, EMPTY] })}
          >
            {t('discovery.own.add')}
          </Button>
        </div>
      </div>
      <div className={classes.row}>
        <ModeSelect
          className={classes.grow}
          value={draft.governanceMode}
          onChange={(governanceMode) => set({ governanceMode })}
        />
        <Select
          className={classes.grow ?? ''}
          label={t('discovery.own.lifetime')}
          allowDeselect={false}
          data={LIFETIMES_DAYS.map((days) => ({
            value: String(days),
            label: `${days} ${t('discovery.propose.daysUnit')}`,
          }))}
          value={String(draft.lifetimeDays)}
          onChange={(days) => set({ lifetimeDays: Number(days) })}
        />
      </div>
      <Switch
        label={t('discovery.own.accepts')}
        checked={draft.quota !== null}
        onChange={(event) => set({ quota: event.currentTarget.checked ? DEFAULT_QUOTA : null })}
      />
      {draft.quota !== null && <QuotaFields quota={draft.quota} onChange={(quota) => set({ quota })} />}
      <TextInput
        label={t('discovery.own.availability')}
        value={draft.availability}
        maxLength={300}
        onChange={(event) => set({ availability: event.currentTarget.value })}
      />
      <div className={classes.actions}>
        <Button onClick={() => void publish()} disabled={filled.length === 0} data-testid="record-publish">
          {published ? t('discovery.own.renew') : t('discovery.own.publish')}
        </Button>
        {published && (
          <Button variant="default" onClick={() => void withdraw()}>
            {t('discovery.own.withdraw')}
          </Button>
        )}
        {record !== null && (
          <Button variant="default" onClick={() => void exportRecord()}>
            {t('discovery.own.export')}
          </Button>
        )}
      </div>
    </Section>
  );
}

interface CapabilityFieldsProps {
  readonly capability: Capability;
  readonly onChange: (change: Partial<Capability>) => void;
  readonly onRemove: () => void;
}

/** One capability: words of the table are offered, any other word may be typed. */
function CapabilityFields({ capability, onChange, onRemove }: CapabilityFieldsProps) {
  const { t } = useTranslation();
  const [models, setModels] = useState(capability.models.join(', '));
  const known = CAPABILITY_TAXONOMY.find(({ id }) => id === capability.domain);
  const listed = models
    .split(',')
    .map((model) => model.trim().slice(0, 300))
    .filter(Boolean)
    .slice(0, 50);
  return (
    <div className={classes.capabilityRow}>
      <Autocomplete
        label={t('discovery.find.domain')}
        data={CAPABILITY_TAXONOMY.map(({ id }) => id)}
        value={capability.domain}
        maxLength={300}
        onChange={(domain) => onChange({ domain })}
        data-testid="capability-domain"
      />
      <Autocomplete
        label={t('discovery.find.subdomain')}
        data={known?.subdomains.map(({ id }) => id) ?? []}
        value={capability.subdomain}
        maxLength={300}
        onChange={(subdomain) => onChange({ subdomain })}
        data-testid="capability-subdomain"
      />
      <ActionIcon variant="subtle" color="gray" size="lg" aria-label={t('discovery.own.remove')} onClick={onRemove}>
        <IconTrash size={16} stroke={1.5} />
      </ActionIcon>
      <TextInput
        className={classes.wide ?? ''}
        label={t('discovery.own.models')}
        description={t('discovery.own.modelsHint')}
        value={models}
        maxLength={5_000}
        onChange={(event) => setModels(event.currentTarget.value)}
        onBlur={() => onChange({ models: listed })}
        data-testid="capability-models"
      />
      <Textarea
        className={classes.wide ?? ''}
        label={t('discovery.own.description')}
        value={capability.description}
        autosize
        minRows={1}
        maxRows={6}
        maxLength={2_000}
        onChange={(event) => onChange({ description: event.currentTarget.value })}
      />
    </div>
  );
}
