import { Button, Select, Skeleton, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { IconFilterOff, IconUsersGroup } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { RecordView, TrustView } from '../../../contract';
import type { Failure } from '../../../protocol/result';
import type { TermCount } from '../../../protocol/trust/discovery-search';
import { CAPABILITY_TAXONOMY, domainTitle, subdomainTitle } from '../../../protocol/trust/taxonomy';
import { callOrNotify } from '../../app/notify';
import { EmptyState } from '../../components/EmptyState';
import { FailedState } from '../../components/FailedState';
import { Section } from '../../components/Section';
import { formatCount } from '../../format/numbers';
import { callTore } from '../../stores/tore-api';
import classes from './Discovery.module.css';
import { GOVERNANCE_MODES, isMode, type Mode } from './ModeSelect';
import { ProposeDialog } from './ProposeDialog';
import { RecordCard } from './RecordCard';

/** Records shown at first, and with each further step. */
const PAGE = 24;
const TYPING_PAUSE_MS = 300;

interface Filters {
  readonly text: string;
  readonly domain: string | null;
  readonly subdomain: string | null;
  readonly model: string;
  readonly institution: string;
  readonly mode: Mode | null;
}

const NO_FILTERS: Filters = { text: '', domain: null, subdomain: null, model: '', institution: '', mode: null };

interface Found {
  readonly records: readonly RecordView[];
  readonly next: string | null;
  readonly failure: Failure | null;
  /** What was asked for. */
  readonly question: string;
}

async function search(filters: Filters, cursor: string | null): Promise<Omit<Found, 'question'>> {
  const { text, domain, subdomain, model, institution, mode } = filters;
  const result = await callTore('discovery:search', {
    limit: PAGE,
    ...(text.trim() === '' ? {} : { text: text.trim() }),
    ...(domain === null ? {} : { domain }),
    ...(subdomain === null ? {} : { subdomain }),
    ...(model.trim() === '' ? {} : { model: model.trim() }),
    ...(institution.trim() === '' ? {} : { institution: institution.trim() }),
    ...(mode === null ? {} : { governance_mode: mode }),
    ...(cursor === null ? {} : { cursor }),
  });
  return result.ok ? { ...result.value, failure: null } : { records: [], next: null, failure: result.error };
}

/** Words of the table first, then words that only records use; each with how many use it. */
function useTermOptions(domain: string | null, terms: readonly TermCount[]) {
  const { t, i18n } = useTranslation();
  const counted = (title: string, count: number): string =>
    count === 0 ? title : t('discovery.find.counted', { title, records: formatCount(count) });
  const countOf = (fits: (term: TermCount) => boolean): number =>
    terms.filter(fits).reduce((sum, term) => sum + term.records, 0);
  const domains = new Set([...CAPABILITY_TAXONOMY.map(({ id }) => id), ...terms.map((term) => term.domain)]);
  const known = CAPABILITY_TAXONOMY.find(({ id }) => id === domain)?.subdomains ?? [];
  const used = terms.filter((term) => term.domain === domain).map((term) => term.subdomain);
  const subdomains = domain === null ? [] : [...new Set([...known.map(({ id }) => id), ...used])];
  return {
    domains: [...domains].map((value) => ({
      value,
      label: counted(
        domainTitle(value, i18n.language),
        countOf((term) => term.domain === value),
      ),
    })),
    subdomains: subdomains.map((value) => ({
      value,
      label: counted(
        subdomainTitle(domain ?? '', value, i18n.language),
        countOf((term) => term.domain === domain && term.subdomain === value),
      ),
    })),
  };
}

interface FindTabProps {
  readonly view: TrustView;
  readonly onProposed: (handshakeId: string) => void;
}

/** The index with its filters. */
export function FindTab({ view, onProposed }: FindTabProps) {
  const { t } = useTranslation();
  const [filters, setFilters] = useState(NO_FILTERS);
  const [calm] = useDebouncedValue(filters, TYPING_PAUSE_MS);
  const [found, setFound] = useState<Found | null>(null);
  const [terms, setTerms] = useState<readonly TermCount[]>([]);
  const [imported, setImported] = useState<RecordView | null>(null);
  const [proposing, setProposing] = useState<RecordView | null>(null);
  const isConnected = view.connection.kind === 'connected';
  const options = useTermOptions(filters.domain, terms);
  const [attempt, setAttempt] = useState(0);
  // What the own record became shows in the list at once.
  const { record: ownRecord, published } = view.ownRecord;
  const question = JSON.stringify([calm, attempt, ownRecord?.issued_at, published]);
  useEffect(() => {
    if (!isConnected) return undefined;
    let isCurrent = true;
    void Promise.all([search(calm, null), callTore('discovery:terms', null)]).then(([page, listed]) => {
      if (!isCurrent) return;
      setFound({ ...page, question });
      if (listed.ok) setTerms(listed.value);
    });
    return () => {
      isCurrent = false;
    };
  }, [isConnected, calm, question]);
  const set = (change: Partial<Filters>): void => setFilters((before) => ({ ...before, ...change }));
  const more = async (): Promise<void> => {
    if (found?.next === null || found === null) return;
    const page = await search(calm, found.next);
    if (page.failure === null) setFound({ ...found, ...page, records: [...found.records, ...page.records] });
  };
  const openFile = async (): Promise<void> => {
    const result = await callOrNotify('file', 'discovery:import', null);
    if (result.ok && result.value !== null) setImported(result.value);
  };
  const hint = view.key === null ? t('discovery.record.needsKey') : undefined;
  return (
    <>
      <Section
        title={t('discovery.find.filters')}
        actions={
          <Button variant="default" size="xs" onClick={() => void openFile()}>
            {t('discovery.find.import')}
          </Button>
        }
      >
        <div className={classes.filters}>
          <TextInput
            label={t('discovery.find.text')}
            placeholder={t('discovery.find.textPlaceholder')}
            value={filters.text}
            maxLength={300}
            onChange={(event) => set({ text: event.currentTarget.value })}
            data-testid="find-text"
          />
          <Select
            label={t('discovery.find.domain')}
            placeholder={t('discovery.find.any')}
            data={options.domains}
            value={filters.domain}
            clearable
            searchable
            onChange={(domain) => set({ domain, subdomain: null })}
            data-testid="find-domain"
          />
          <Select
            label={t('discovery.find.subdomain')}
            placeholder={t('discovery.find.any')}
            data={options.subdomains}
            value={filters.subdomain}
            disabled={filters.domain === null}
            clearable
            searchable
            onChange={(subdomain) => set({ subdomain })}
          />
          <TextInput
            label={t('discovery.find.model')}
            value={filters.model}
            maxLength={300}
            onChange={(event) => set({ model: event.currentTarget.value })}
          />
          <TextInput
            label={t('discovery.find.institution')}
            value={filters.institution}
            maxLength={300}
            onChange={(event) => set({ institution: event.currentTarget.value })}
          />
          <Select
            label={t('discovery.find.mode')}
            placeholder={t('discovery.find.any')}
            data={GOVERNANCE_MODES.map((mode) => ({ value: mode, label: t(`discovery.mode.${mode}`) }))}
            value={filters.mode}
            clearable
            onChange={(mode) => set({ mode: isMode(mode) ? mode : null })}
          />
        </div>
      </Section>
      {imported !== null && (
        <Section title={t('discovery.find.imported')}>
          <ul className={classes.cards}>
            <RecordCard
              view={imported}
              onPropose={view.key === null ? null : () => setProposing(imported)}
              proposeHint={hint}
            />
          </ul>
        </Section>
      )}
      <Results
        found={found}
        isBusy={found?.question !== question}
        isFiltered={calm !== NO_FILTERS && JSON.stringify(calm) !== JSON.stringify(NO_FILTERS)}
        onRetry={() => setAttempt(attempt + 1)}
        onMore={() => void more()}
        hint={hint}
        onPropose={view.key === null ? null : setProposing}
      />
      {proposing !== null && (
        <ProposeDialog record={proposing.record} onClose={() => setProposing(null)} onProposed={onProposed} />
      )}
    </>
  );
}

interface ResultsProps {
  readonly found: Found | null;
  /** Another answer is on its way. */
  readonly isBusy: boolean;
  readonly isFiltered: boolean;
  readonly onRetry: () => void;
  readonly onMore: () => void;
  readonly hint: string | undefined;
  /** Null without a key. */
  readonly onPropose: ((record: RecordView) => void) | null;
}

function Results({ found, isBusy, isFiltered, onRetry, onMore, hint, onPropose }: ResultsProps) {
  const { t } = useTranslation();
  if (found === null) return <Skeleton height={160} />;
  if (found.failure !== null) {
    return (
      <Section title={t('discovery.find.results')}>
        <FailedState
          title={t('discovery.find.failedTitle')}
          action={
            <Button variant="default" onClick={onRetry}>
              {t('common.retry')}
            </Button>
          }
          failure={found.failure}
        />
      </Section>
    );
  }
  if (found.records.length === 0) {
    return (
      <Section title={t('discovery.find.results')}>
        <EmptyState
          icon={isFiltered ? IconFilterOff : IconUsersGroup}
          title={isFiltered ? t('discovery.find.noMatchTitle') : t('discovery.find.emptyTitle')}
        >
          {isFiltered ? t('discovery.find.noMatch') : t('discovery.find.empty')}
        </EmptyState>
      </Section>
    );
  }
  return (
    <section className={classes.stack} aria-label={t('discovery.find.results')} aria-busy={isBusy}>
      <p className={classes.quiet}>
        {t('discovery.find.found', { count: found.records.length, shown: formatCount(found.records.length) })}
      </p>
      <ul className={classes.cards}>
        {found.records.map((record) => (
          <RecordCard
            key={record.record.id}
            view={record}
            onPropose={onPropose === null ? null : () => onPropose(record)}
            proposeHint={hint}
          />
        ))}
      </ul>
      {found.next !== null && (
        <Button variant="default" onClick={onMore}>
          {t('discovery.find.more')}
        </Button>
      )}
    </section>
  );
}
