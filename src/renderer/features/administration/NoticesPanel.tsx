import { Button, NumberInput, Table, Textarea } from '@mantine/core';
import { IconSpeakerphone } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { NOTICE_LIMITS } from '../../../protocol/compute/http/notices';
import { callOrNotify } from '../../app/notify';
import { EmptyState } from '../../components/EmptyState';
import { formatMoment } from '../../format/times';
import { useNow } from '../../stores/use-now';
import { useReading } from '../../stores/use-reading';
import classes from './Administration.module.css';
import { Panel } from './Panel';

const DEFAULT_DAYS = 7;

function NoticeForm({ onPosted }: { readonly onPosted: () => void }) {
  const { t } = useTranslation();
  const [text, setText] = useState('');
  const [days, setDays] = useState<number | string>(DEFAULT_DAYS);
  const isComplete = text.trim() !== '' && typeof days === 'number' && days >= 1;
  const post = async (): Promise<void> => {
    if (!isComplete) return;
    const result = await callOrNotify('administration', 'administration:post-notice', { text: text.trim(), days });
    if (!result.ok) return;
    setText('');
    onPosted();
  };
  return (
    <form
      className={classes.form}
      onSubmit={(event) => {
        event.preventDefault();
        void post();
      }}
    >
      <Textarea
        className={classes.grow ?? ''}
        label={t('administration.notices.text')}
        value={text}
        autosize
        minRows={1}
        maxRows={6}
        maxLength={NOTICE_LIMITS.maxText}
        onChange={(event) => setText(event.currentTarget.value)}
        data-testid="notice-text"
      />
      <NumberInput
        className={classes.short ?? ''}
        label={t('administration.notices.days')}
        min={1}
        max={NOTICE_LIMITS.maxDays}
        allowDecimal={false}
        value={days}
        onChange={setDays}
      />
      <Button type="submit" disabled={!isComplete} data-testid="notice-post">
        {t('administration.notices.post')}
      </Button>
    </form>
  );
}

/** What everybody who runs a node is told. */
export function NoticesPanel() {
  const { t } = useTranslation();
  const nowMs = useNow(60_000);
  const notices = useReading('administration:get-notices', null);
  const withdraw = async (noticeId: string): Promise<void> => {
    const result = await callOrNotify('administration', 'administration:withdraw-notice', { noticeId });
    if (result.ok) notices.refresh();
  };
  return (
    <Panel title={t('administration.notices.title')} hint={t('administration.notices.hint')} reading={notices}>
      {(value) => (
        <>
          <NoticeForm onPosted={notices.refresh} />
          {value.notices.length === 0 ? (
            <EmptyState icon={IconSpeakerphone} title={t('administration.notices.emptyTitle')}>
              {t('administration.notices.empty')}
            </EmptyState>
          ) : (
            <Table aria-label={t('administration.notices.title')} mt="sm">
              <Table.Tbody>
                {value.notices.map((notice) => (
                  <Table.Tr key={notice.id} data-testid="notice-row">
                    <Table.Td className={classes.text ?? ''}>
                      {notice.text}
                      <span className={classes.quiet}>
                        {t('administration.notices.span', {
                          from: formatMoment(notice.created_at, nowMs),
                          until: formatMoment(notice.expires_at, nowMs),
                        })}
                      </span>
                    </Table.Td>
                    <Table.Td className={classes.number ?? ''}>
                      <Button size="compact-sm" variant="default" onClick={() => void withdraw(notice.id)}>
                        {t('administration.notices.withdraw')}
                      </Button>
                    </Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          )}
        </>
      )}
    </Panel>
  );
}
