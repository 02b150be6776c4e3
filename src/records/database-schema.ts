import type { Generated, Kysely } from 'kysely';
import type { WorkCounter } from '../contract/records';
import type { Migration } from '../storage/migrations';

/** How long a stretch of time a row stands for. Rows grow from hours to days to months as they age. */
export type Period = 'hour' | 'day' | 'month';

interface PeriodColumns {
  readonly period: Period;
  /** `2026-02-03T14:00Z` (start of the local hour, in UTC, so that the hour that comes twice in autumn is two), `2026-02-03`, `2026-02`. */
  readonly label: string;
  /** The local day the work was done on, wherever the computer was; of a month its first day. */
  readonly day: string;
  readonly start_ms: number;
}

export type WorkRow = PeriodColumns & { readonly model: string; readonly device: string } & Readonly<
    Record<WorkCounter, number>
  >;

export interface StateRow extends PeriodColumns {
  readonly state: string;
  readonly seconds: number;
}

export interface LogRow {
  readonly id: Generated<number>;
  readonly at_ms: number;
  readonly kind: string;
  readonly text: string;
  /** The text as it is searched: in lower case. */
  readonly folded: string;
}

export interface NoticeRow {
  readonly id: Generated<number>;
  readonly kind: string;
  readonly text: string;
  readonly source: string;
  readonly first_ms: number;
  readonly last_ms: number;
  readonly times: Generated<number>;
  readonly is_read: Generated<number>;
}

/** Something that happens once: a milestone, a notification that was shown. */
export interface MarkRow {
  readonly key: string;
  readonly at_ms: number;
}

export interface RecordTables {
  readonly work: WorkRow;
  readonly states: StateRow;
  readonly log: LogRow;
  readonly notices: NoticeRow;
  readonly marks: MarkRow;
}

export type Database = Kysely<RecordTables>;

/** Steps of the schema; a released one is never changed. Columns of sums bear the names of their counters. */
export const MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    name: 'statistics, log and notices',
    sql: `
      create table work (
        period text not null, label text not null, day text not null, start_ms integer not null,
        model text not null, device text not null,
        earnedMicroGft integer not null, spentMicroGft integer not null, lostMicroGft integer not null,
        flops real not null, requests integer not null, requestsFailed integer not null, tokens integer not null,
        challengesPassed integer not null, challengesFailed integer not null,
        servingSeconds real not null, workingSeconds real not null,
        reliabilitySeconds real not null, ratedSeconds real not null,
        energyJoules real not null, measuredJoules real not null,
        gridJoules real not null, renewableJoules real not null,
        primary key (period, label, model, device)
      ) strict, without rowid;
      create index work_by_start on work (start_ms);
      create table states (
        period text not null, label text not null, day text not null, start_ms integer not null,
        state text not null, seconds real not null,
        primary key (period, label, state)
      ) strict, without rowid;
      create index states_by_start on states (start_ms);
      create table log (
        id integer primary key autoincrement, at_ms integer not null, kind text not null,
        text text not null, folded text not null
      ) strict;
      create table notices (
        id integer primary key autoincrement, kind text not null, text text not null, source text not null,
        first_ms integer not null, last_ms integer not null,
        times integer not null default 1, is_read integer not null default 0
      ) strict;
      create table marks (key text primary key, at_ms integer not null) strict, without rowid;
    `,
  },
];
