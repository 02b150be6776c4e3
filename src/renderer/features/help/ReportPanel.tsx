import { Button, Tabs, Textarea } from '@mantine/core';
import { IconDeviceFloppy, IconEye } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { MAX_REPORT_TEXT_LENGTH, type ReportView } from '../../../contract';
import { callOrNotify, notifyDone } from '../../app/notify';
import { Section } from '../../components/Section';
import classes from './Help.module.css';

/** A report of a problem: written, shown line by line, then saved as it was shown. */
export function ReportPanel() {
  const { t } = useTranslation();
  const [description, setDescription] = useState('');
  const [report, setReport] = useState<ReportView | null>(null);
  const [busy, setBusy] = useState(false);
  const prepare = async (): Promise<void> => {
    setBusy(true);
    const prepared = await callOrNotify('report', 'report:prepare', { description });
    setBusy(false);
    if (prepared.ok) setReport(prepared.value);
  };
  const save = async (id: string): Promise<void> => {
    const saved = await callOrNotify('report', 'report:save', { id });
    if (saved.ok && saved.value !== null) notifyDone(t('help.report.saved', { path: saved.value.path }));
  };
  return (
    <>
      <Section title={t('help.report.title')} hint={t('help.report.hint')}>
        <Textarea
          label={t('help.report.description')}
          description={t('help.report.descriptionHint')}
          autosize
          minRows={3}
          maxRows={10}
          maxLength={MAX_REPORT_TEXT_LENGTH}
          value={description}
          onChange={(event) => {
            setDescription(event.currentTarget.value);
            // What was shown no longer is what would be saved.
            setReport(null);
          }}
          data-testid="report-description"
        />
        <div>
          <Button
            variant={report === null ? 'filled' : 'default'}
            size="xs"
            loading={busy}
            leftSection={<IconEye size={16} stroke={1.5} aria-hidden="true" />}
            onClick={() => void prepare()}
            data-testid="report-prepare"
          >
            {t('help.report.prepare')}
          </Button>
        </div>
      </Section>
      {report !== null && (
        <Section
          title={t('help.report.content')}
          hint={t('help.report.contentHint')}
          actions={
            <Button
              size="xs"
              leftSection={<IconDeviceFloppy size={16} stroke={1.5} aria-hidden="true" />}
              onClick={() => void save(report.id)}
              data-testid="report-save"
            >
              {t('help.report.save')}
            </Button>
          }
        >
          <Tabs defaultValue={report.files[0]?.name ?? ''} key={report.id} keepMounted={false}>
            <Tabs.List aria-label={t('help.report.files')}>
              {report.files.map(({ name }) => (
                <Tabs.Tab key={name} value={name}>
                  {name}
                </Tabs.Tab>
              ))}
            </Tabs.List>
            {report.files.map(({ name, text }) => (
              <Tabs.Panel key={name} value={name}>
                <pre className={classes.file} tabIndex={0} aria-label={name} role="region" data-testid="report-file">
                  {text}
                </pre>
              </Tabs.Panel>
            ))}
          </Tabs>
        </Section>
      )}
    </>
  );
}
