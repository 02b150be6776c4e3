import { Button } from '@mantine/core';
import { useVirtualizer } from '@tanstack/react-virtual';
import { IconArrowDown } from '@tabler/icons-react';
import { useEffect, useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { SessionView, StreamView } from '../../../contract';
import { editedTurnOf, type PostedTurn } from '../../../protocol/session/session-host';
import type { Turn } from '../../../protocol/session/session';
import type { TurnTarget } from '../../stores/session-draft';
import { callTore } from '../../stores/tore-api';
import { useStickToBottom } from '../chat/use-stick-to-bottom';
import classes from './Sessions.module.css';
import { RefusedRow, StreamRow, TurnRow, WaitingRow } from './TurnRow';

type Row =
  | { readonly kind: 'turn'; readonly key: string; readonly turn: Turn }
  | { readonly kind: 'waiting'; readonly key: string; readonly turn: PostedTurn }
  | { readonly kind: 'refused'; readonly key: string; readonly turn: PostedTurn; readonly reason: string }
  | { readonly kind: 'stream'; readonly key: string; readonly stream: StreamView };

/** A turn of a line or two; measured ones take their true height. */
const ESTIMATED_HEIGHT_PX = 96;

interface TurnListProps {
  readonly view: SessionView;
  /** The turns to show: all, or those that were found. */
  readonly shown: readonly Turn[];
  readonly searching: boolean;
  readonly onTarget: (target: TurnTarget) => void;
}

function rowsOf(view: SessionView, shown: readonly Turn[], searching: boolean): Row[] {
  const turns = shown.map((turn): Row => ({ kind: 'turn', key: turn.id, turn }));
  if (searching) return turns;
  const { streams, waiting, refused } = view.state;
  return [
    ...turns,
    ...streams.map((stream): Row => ({ kind: 'stream', key: stream.turnId, stream })),
    ...waiting.map((turn): Row => ({ kind: 'waiting', key: turn.id, turn })),
    ...refused.map(({ turn, message }): Row => ({ kind: 'refused', key: turn.id, turn, reason: message })),
  ];
}

/** Every turn in its order, then what is being written and what waits for a number. */
export function TurnList({ view, shown, searching, onTarget }: TurnListProps) {
  const { t } = useTranslation();
  const { scrollRef, atBottom, toBottom, follow } = useStickToBottom();
  const rows = useMemo(() => rowsOf(view, shown, searching), [view, shown, searching]);
  // oxlint-disable-next-line react/incompatible-library
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scrollRef.current,
    estimateSize: () => ESTIMATED_HEIGHT_PX,
    getItemKey: (index) => rows[index]?.key ?? index,
    overscan: 8,
  });
  const height = virtualizer.getTotalSize();
  useEffect(follow, [rows, height, follow]);

  const { byId, editsOf } = useMemo(() => {
    const byId = new Map(view.turns.map((turn) => [turn.id, turn]));
    const editsOf = new Map<string, Turn>();
    for (const turn of view.turns) {
      const edited = editedTurnOf(turn);
      if (edited !== null) editsOf.set(edited, turn);
    }
    return { byId, editsOf };
  }, [view.turns]);

  const last = view.turns.length;
  const { head, readSeq } = view.state;
  useEffect(() => {
    if (atBottom && last > readSeq) void callTore('sessions:mark-read', { sessionId: head.id, seq: last });
  }, [atBottom, last, readSeq, head.id]);

  const draw = (row: Row) => {
    switch (row.kind) {
      case 'turn':
        return (
          <TurnRow
            view={view}
            turn={row.turn}
            byId={byId}
            edit={editsOf.get(row.turn.id) ?? null}
            onTarget={onTarget}
          />
        );
      case 'waiting':
        return <WaitingRow view={view} turn={row.turn} />;
      case 'refused':
        return <RefusedRow view={view} turn={row.turn} reason={row.reason} />;
      case 'stream':
        return <StreamRow view={view} stream={row.stream} />;
    }
  };

  return (
    <div className={classes.threadFrame}>
      <div ref={scrollRef} className={classes.thread} role="region" aria-label={t('sessions.thread')} tabIndex={0}>
        {rows.length === 0 && !searching && <p className={classes.noTurns}>{t('sessions.noTurns')}</p>}
        <ol className={classes.turns} style={{ height }}>
          {virtualizer.getVirtualItems().map((item) => {
            const row = rows[item.index];
            return row === undefined ? null : (
              <li
                key={item.key}
                ref={virtualizer.measureElement}
                data-index={item.index}
                className={classes.turnItem}
                style={{ transform: `translateY(${item.start}px)` }}
                aria-setsize={rows.length}
                aria-posinset={item.index + 1}
              >
                {draw(row)}
              </li>
            );
          })}
        </ol>
      </div>
      {!atBottom && rows.length > 0 && (
        <Button
          className={classes.jump ?? ''}
          variant="default"
          size="xs"
          radius="xl"
          leftSection={<IconArrowDown size={14} stroke={1.5} />}
          onClick={toBottom}
        >
          {t('sessions.jump')}
        </Button>
      )}
    </div>
  );
}
