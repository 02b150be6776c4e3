import { SegmentedControl, Table } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { StatisticsView } from '../../../contract';
import { deviceName } from '../../app/pause-reason-text';
import { Section } from '../../components/Section';
import { metricText } from './metric-text';
import { metricValue, type Metric } from './metrics';
import classes from './Statistics.module.css';

const COLUMNS = ['requests', 'flops', 'earned', 'energy'] as const satisfies readonly Metric[];

/** The same sums by model and by device. */
export function PartsCard({ view }: { readonly view: StatisticsView }) {
  const { t } = useTranslation();
  const [by, setBy] = useState<'models' | 'devices'>('models');
  const parts = view[by];
  const nameOf = (name: string): string => {
    if (name === 'other') return t('statistics.parts.other');
    return by === 'devices' ? deviceName(t, name) : name;
  };
  return (
    <Section
      title={t('statistics.parts.title')}
      actions={
        <SegmentedControl
          size="xs"
          aria-label={t('statistics.parts.title')}
          value={by}
          onChange={setBy}
          data={[
            { value: 'models', label: t('statistics.parts.models') },
            { value: 'devices', label: t('statistics.parts.devices') },
          ]}
        />
      }
    >
      {parts.length === 0 ? (
        <p className={classes.quiet}>{t('statistics.parts.none')}</p>
      ) : (
        <Table.ScrollContainer minWidth={360} scrollAreaProps={{ tabIndex: 0 }}>
          <Table verticalSpacing={6}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th scope="col">{t(`statistics.parts.${by}`)}</Table.Th>
                {COLUMNS.map((metric) => (
                  <Table.Th key={metric} scope="col" className={classes.number ?? ''}>
                    {t(`statistics.metric.${metric}`)}
                  </Table.Th>
                ))}
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {parts.map((part) => (
                <Table.Tr key={part.name}>
                  <Table.Td className={classes.partName ?? ''}>{nameOf(part.name)}</Table.Td>
                  {COLUMNS.map((metric) => (
                    <Table.Td key={metric} className={classes.number ?? ''}>
                      {metricText(t, metric, metricValue(metric, part))}
                    </Table.Td>
                  ))}
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
    </Section>
  );
}
