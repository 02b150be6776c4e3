import { TextInput, UnstyledButton } from '@mantine/core';
import { IconFileReport, IconHeartRateMonitor, IconSearch, IconSearchOff } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { EmptyState } from '../../components/EmptyState';
import { MarkdownText } from '../../components/message/MarkdownText';
import { Screen } from '../../components/Screen';
import { Section } from '../../components/Section';
import { showHelp, useUiStore, type HelpPlace } from '../../stores/ui-store';
import { findPages, helpPages, type HelpPage } from './help-pages';
import classes from './Help.module.css';
import { ReportPanel } from './ReportPanel';
import { SelfTestPanel } from './SelfTestPanel';

const TOOLS = [
  { place: 'self-test', icon: IconHeartRateMonitor },
  { place: 'report', icon: IconFileReport },
] as const;

function PlaceButton({ place, children }: { readonly place: HelpPlace; readonly children: React.ReactNode }) {
  const current = useUiStore(({ helpPlace }) => helpPlace === place);
  return (
    <li>
      <UnstyledButton
        className={classes.place ?? ''}
        aria-current={current ? 'page' : undefined}
        data-testid={`help-${place}`}
        onClick={() => showHelp(place)}
      >
        {children}
      </UnstyledButton>
    </li>
  );
}

function Content({ place, pages }: { readonly place: HelpPlace; readonly pages: readonly HelpPage[] }) {
  if (place === 'self-test') return <SelfTestPanel />;
  if (place === 'report') return <ReportPanel />;
  const page = pages.find(({ topic }) => topic === place);
  return (
    <Section title={page?.title ?? ''} testId="help-page">
      <div className={classes.text}>
        <MarkdownText text={page?.text ?? ''} />
      </div>
    </Section>
  );
}

/** Pages to read without a network, the self-test, and reports of a problem. */
export function Help() {
  const { t, i18n } = useTranslation();
  const place = useUiStore(({ helpPlace }) => helpPlace);
  const [query, setQuery] = useState('');
  const pages = helpPages(i18n.language === 'tr' ? 'tr' : 'en');
  const found = findPages(pages, query);
  return (
    <Screen title={t('help.title')} lead={t('help.lead')}>
      <div className={classes.columns}>
        <nav className={classes.nav} aria-label={t('help.pages')}>
          <TextInput
            aria-label={t('help.search')}
            placeholder={t('help.search')}
            leftSection={<IconSearch size={16} stroke={1.5} aria-hidden="true" />}
            value={query}
            maxLength={100}
            onChange={(event) => setQuery(event.currentTarget.value)}
            data-testid="help-search"
          />
          {found.length === 0 ? (
            <EmptyState icon={IconSearchOff} title={t('help.nothing')} />
          ) : (
            <ul className={classes.places}>
              {found.map(({ topic, title }) => (
                <PlaceButton key={topic} place={topic}>
                  {title}
                </PlaceButton>
              ))}
            </ul>
          )}
          <ul className={classes.places}>
            {TOOLS.map(({ place: tool, icon: Shape }) => (
              <PlaceButton key={tool} place={tool}>
                <Shape size={18} stroke={1.5} aria-hidden="true" />
                {t(tool === 'report' ? 'help.report.title' : 'help.selfTest.title')}
              </PlaceButton>
            ))}
          </ul>
        </nav>
        <div className={classes.content}>
          <Content place={place} pages={pages} />
        </div>
      </div>
    </Screen>
  );
}
