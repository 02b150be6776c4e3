import { Button, UnstyledButton } from '@mantine/core';
import { IconArrowLeft, IconHeartHandshake } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { HandshakeSummary, HandshakeView, TrustView } from '../../../contract';
import { EmptyState } from '../../components/EmptyState';
import { Section } from '../../components/Section';
import { formatAgo } from '../../format/times';
import { callTore } from '../../stores/tore-api';
import { useTrustStore } from '../../stores/trust-store';
import { useNow } from '../../stores/use-now';
import { HandshakeDetail } from './HandshakeDetail';
import classes from './Handshake.module.css';

interface HandshakesTabProps {
  readonly view: TrustView;
  readonly selected: string | null;
  readonly onSelect: (id: string | null) => void;
}

/** The inbox, or the handshake that is open. */
export function HandshakesTab({ view, selected, onSelect }: HandshakesTabProps) {
  const { t } = useTranslation();
  const handshake = useHandshake(selected);
  if (view.handshakes.length === 0) {
    return (
      <Section title={t('discovery.handshakes.list')}>
        <EmptyState icon={IconHeartHandshake} title={t('discovery.handshakes.emptyTitle')}>
          {view.key === null ? t('discovery.handshakes.needsKey') : t('discovery.handshakes.empty')}
        </EmptyState>
      </Section>
    );
  }
  if (handshake !== null && handshake.id === selected) {
    return (
      <>
        <div>
          <Button variant="subtle" size="xs" leftSection={<IconArrowLeft size={14} />} onClick={() => onSelect(null)}>
            {t('discovery.handshakes.back')}
          </Button>
        </div>
        <HandshakeDetail handshake={handshake} />
      </>
    );
  }
  return (
    <Section title={t('discovery.handshakes.list')}>
      <ul className={classes.list} data-testid="handshake-list">
        {view.handshakes.map((one) => (
          <Row key={one.id} handshake={one} onOpen={() => onSelect(one.id)} />
        ))}
      </ul>
    </Section>
  );
}

/** Everything about a handshake, read again with every change. */
function useHandshake(id: string | null): HandshakeView | null {
  const [view, setView] = useState<HandshakeView | null>(null);
  useEffect(() => {
    if (id === null) return undefined;
    let isCurrent = true;
    const read = async (): Promise<void> => {
      const result = await callTore('handshake:get', { handshakeId: id });
      if (isCurrent && result.ok) setView(result.value);
    };
    void read();
    const end = useTrustStore.subscribe((now, before) => {
      if (now.changes !== before.changes) void read();
    });
    return () => {
      isCurrent = false;
      end();
    };
  }, [id]);
  return view;
}

interface RowProps {
  readonly handshake: HandshakeSummary;
  readonly onOpen: () => void;
}

function Row({ handshake, onOpen }: RowProps) {
  const { t } = useTranslation();
  const nowMs = useNow(60_000);
  const name = handshake.other.name === '' ? handshake.other.keyId : handshake.other.name;
  return (
    <li>
      <UnstyledButton className={classes.row ?? ''} onClick={onOpen} data-testid="handshake-row">
        <span className={classes.rowName}>
          {name}
          {handshake.unread > 0 && (
            <span className={classes.unread}>{t('discovery.handshakes.unread', { count: handshake.unread })}</span>
          )}
        </span>
        <span className={classes.rowPurpose}>{handshake.purpose}</span>
        <span className={classes.phase} data-phase={handshake.phase}>
          {t(`discovery.phase.${handshake.phase}`)}
        </span>
        <span className={classes.rowTime}>
          {handshake.needsAction ? t('discovery.handshakes.yourTurn') : formatAgo(t, handshake.updatedAt, nowMs)}
        </span>
      </UnstyledButton>
    </li>
  );
}
