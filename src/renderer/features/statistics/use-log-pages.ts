import { useCallback, useEffect, useRef, useState } from 'react';
import { LOG_PAGE_SIZE, type LogEntry, type LogFilter } from '../../../contract';
import type { Failure } from '../../../protocol/result';
import { callTore } from '../../stores/tore-api';

/** New lines show within this time. */
const REFRESH_MS = 5_000;

export interface LogPages {
  /** Null until the first answer is there. */
  readonly matching: number | null;
  readonly kept: number;
  readonly failure: Failure | null;
  entryAt(index: number): LogEntry | null;
  /** Reads the pages that hold these lines, where they are not read yet. */
  need(first: number, last: number): void;
}

interface Read {
  readonly matching: number | null;
  readonly kept: number;
  readonly failure: Failure | null;
  readonly pages: ReadonlyMap<number, readonly LogEntry[]>;
}

const NOTHING: Read = { matching: null, kept: 0, failure: null, pages: new Map() };

/** The lines of the log that match a filter, page by page as they come into sight. */
export function useLogPages(filter: LogFilter): LogPages {
  const key = JSON.stringify(filter);
  const [read, setRead] = useState(NOTHING);
  /** Counts filters and refreshes: an answer to an earlier one is dropped. */
  const turn = useRef(0);
  const asked = useRef(new Set<number>());
  const newest = useRef<number | null>(null);

  const ask = useCallback(
    (page: number, anew: boolean): void => {
      const own = turn.current;
      asked.current.add(page);
      const input = { filter: JSON.parse(key) as LogFilter, offset: page * LOG_PAGE_SIZE };
      void callTore('log:get-page', input).then((result) => {
        if (own !== turn.current) return;
        if (!result.ok) {
          asked.current.delete(page);
          setRead((before) => ({ ...before, failure: result.error }));
          return;
        }
        const { entries, matching, kept } = result.value;
        if (page === 0) newest.current = entries[0]?.id ?? null;
        if (anew) asked.current = new Set([page]);
        setRead(({ pages }) => ({
          matching,
          kept,
          failure: null,
          pages: new Map([...(anew ? [] : pages), [page, entries]]),
        }));
      });
    },
    [key],
  );

  useEffect(() => {
    turn.current += 1;
    asked.current = new Set();
    ask(0, true);
    const timer = setInterval(() => {
      const own = turn.current;
      void callTore('log:get-page', { filter: JSON.parse(key) as LogFilter, offset: 0 }).then((result) => {
        // A new line moves every other one: all pages are read again as they come into sight.
        if (own !== turn.current || !result.ok || (result.value.entries[0]?.id ?? null) === newest.current) return;
        turn.current += 1;
        ask(0, true);
      });
    }, REFRESH_MS);
    return () => {
      clearInterval(timer);
      turn.current += 1;
    };
  }, [ask, key]);

  return {
    ...read,
    entryAt: (index) => read.pages.get(Math.floor(index / LOG_PAGE_SIZE))?.[index % LOG_PAGE_SIZE] ?? null,
    need: (first, last) => {
      for (let page = Math.floor(first / LOG_PAGE_SIZE); page <= Math.floor(last / LOG_PAGE_SIZE); page += 1) {
        if (read.matching !== null && !asked.current.has(page)) ask(page, false);
      }
    },
  };
}
