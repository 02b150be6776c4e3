import { Button, Menu, MultiSelect, Select, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useVirtualizer } from '@tanstack/react-virtual';
import { IconAlertTriangle, IconFileExport, IconFilterOff, IconSearch, IconTimeline } from '@tabler/icons-react';
import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { LOG_KINDS, type LogEntry, type LogFilter, type LogKind } from '../../../contract';
import { callOrNotify, notifyDone } from '../../app/notify';
import { EmptyState } from '../../components/EmptyState';
import { Section } from '../../components/Section';
import { failureText } from '../../format/failures';
import { formatCount } from '../../format/numbers';
import { formatExactTime, formatMoment } from '../../format/times';
import { useNow } from '../../stores/use-now';
import { LOG_ICONS } from './log-icons';
import { useLogPages } from './use-log-pages';
import classes from './Statistics.module.css';

const SEARCH_DELAY_MS = 200;
const ROW_PX = 44;
const HOUR_MS = 3_600_000;

/** How far back the list goes. */
const SPANS = { all: null, hour: HOUR_MS, day: 24 * HOUR_MS, week: 168 * HOUR_MS, month: 720 * HOUR_MS } as const;
type SpanName = keyof typeof SPANS;
const SPAN_NAMES = Object.keys(SPANS) as readonly SpanName[];

function LogRow({ entry, nowMs }: { readonly entry: LogEntry; readonly nowMs: number }) {
  const { t } = useTranslation();
  const Shape = LOG_ICONS[entry.kind];
  return (
    <div className={classes.logRow} data-kind={entry.kind}>
      <Shape size={18} stroke={1.5} role="img" aria-label={t(`statistics.log.kind.${entry.kind}`)} />
      <span className={classes.logText}>{entry.text}</span>
      <time className={classes.logTime} dateTime={entry.at} title={formatExactTime(entry.at)}>
        {formatMoment(entry.at, nowMs)}
      </time>
    </div>
  );
}

/** Every line of the log that matches; only those in sight exist. */
function LogList({ filter }: { readonly filter: LogFilter }) {
  const { t } = useTranslation();
  const nowMs = useNow(60_000);
  const scrollRef = useRef<HTMLDivElement>(null);
  const pages = useLogPages(filter);
  // What the rule fears is the React compiler, which is not used here.
  // oxlint-disable-next-line react/incompatible-library
  const virtual = useVirtualizer({
    count: pages.matching ?? 0,
    getScrollElement: () => scrollRef.current,
    estimateSize: () => ROW_PX,
    overscan: 10,
  });
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => pages.need(items[0]?.index ?? 0, last));
  if (pages.failure !== null && pages.matching === null) {
    return (
      <EmptyState icon={IconAlertTriangle} tone="attention" title={t('statistics.log.failedTitle')}>
        {failureText(pages.failure)}
      </EmptyState>
    );
  }
  if (pages.kept === 0) {
    return (
      <EmptyState icon={IconTimeline} title={t('statistics.log.emptyTitle')}>
        {t('statistics.log.empty')}
      </EmptyState>
    );
  }
  if (pages.matching === 0) {
    return (
      <EmptyState icon={IconFilterOff} title={t('statistics.log.noMatchTitle')}>
        {t('statistics.log.noMatch')}
      </EmptyState>
    );
  }
  return (
    <>
      <p className={classes.quiet} role="status">
        {t('statistics.log.count', {
          count: pages.matching ?? 0,
          shown: formatCount(pages.matching ?? 0),
          kept: formatCount(pages.kept),
        })}
      </p>
      <div
        ref={scrollRef}
        className={classes.log}
        role="region"
        aria-label={t('statistics.log.lines')}
        tabIndex={0}
        data-testid="event-log"
      >
        <ul className={classes.virtual} style={{ height: virtual.getTotalSize() }}>
          {items.map(({ index, start }) => {
            const entry = pages.entryAt(index);
            return (
              <li
                key={index}
                ref={virtual.measureElement}
                data-index={index}
                className={classes.virtualItem}
                style={{ top: start }}
                aria-setsize={pages.matching ?? 0}
                aria-posinset={index + 1}
              >
                {entry === null ? <div className={classes.logRow} /> : <LogRow entry={entry} nowMs={nowMs} />}
              </li>
            );
          })}
        </ul>
      </div>
    </>
  );
}

/** What happened and why, with filters and export. */
export function LogTab() {
  const { t } = useTranslation();
  const [kinds, setKinds] = useState<LogKind[]>([]);
  const [span, setSpan] = useState<SpanName>('all');
  const [text, setText] = useState('');
  const [searched] = useDebouncedValue(text, SEARCH_DELAY_MS);
  // The beginning moves on once a minute, so that the filter does not change with every drawing.
  const nowMs = useNow(60_000);
  const length = SPANS[span];
  const filter: LogFilter = {
    kinds,
    fromMs: length === null ? null : Math.floor((nowMs - length) / 60_000) * 60_000,
    untilMs: null,
    text: searched,
  };
  const save = async (format: 'jsonl' | 'csv'): Promise<void> => {
    const saved = await callOrNotify('export', 'log:export', { filter, format });
    if (!saved.ok || saved.value === null) return;
    const { entries, path } = saved.value;
    notifyDone(t('statistics.log.saved', { count: entries, shown: formatCount(entries), path }));
  };
  return (
    <Section
      title={t('statistics.tab.log')}
      hint={t('statistics.log.hint')}
      actions={
        <Menu>
          <Menu.Target>
            <Button
              variant="default"
              size="xs"
              leftSection={<IconFileExport size={16} stroke={1.5} aria-hidden="true" />}
            >
              {t('statistics.log.export')}
            </Button>
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Item onClick={() => void save('csv')}>{t('statistics.log.csv')}</Menu.Item>
            <Menu.Item onClick={() => void save('jsonl')}>{t('statistics.log.jsonl')}</Menu.Item>
          </Menu.Dropdown>
        </Menu>
      }
    >
      <div className={classes.filters}>
        <TextInput
          aria-label={t('statistics.log.search')}
          placeholder={t('statistics.log.search')}
          leftSection={<IconSearch size={16} stroke={1.5} aria-hidden="true" />}
          value={text}
          maxLength={200}
          onChange={(event) => setText(event.currentTarget.value)}
          data-testid="log-search"
        />
        <MultiSelect
          aria-label={t('statistics.log.kinds')}
          placeholder={kinds.length === 0 ? t('statistics.log.allKinds') : ''}
          data={LOG_KINDS.map((value) => ({ value, label: t(`statistics.log.kind.${value}`) }))}
          value={kinds}
          onChange={(chosen) => setKinds(LOG_KINDS.filter((kind) => chosen.includes(kind)))}
          clearable
          clearButtonProps={{ 'aria-label': t('statistics.log.allKinds') }}
          data-testid="log-kinds"
        />
        <Select
          aria-label={t('statistics.log.span')}
          data={SPAN_NAMES.map((value) => ({ value, label: t(`statistics.log.spans.${value}`) }))}
          value={span}
          allowDeselect={false}
          onChange={(value) => setSpan(SPAN_NAMES.find((name) => name === value) ?? 'all')}
        />
      </div>
      <LogList filter={filter} />
    </Section>
  );
}
