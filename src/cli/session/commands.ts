import { isUtf8 } from 'node:buffer';
import { buildContext, NetworkAsker, sessionDocument, settledCost, type FollowedSession } from '../../node';
import { writeDocument } from '../../protocol/documents/write-document';
import { textOf } from '../../protocol/session/answer-rules';
import { checkStatement, statementOf } from '../../protocol/session/session-costs';
import { readSessionLink, writeSessionLink } from '../../protocol/session/session-link';
import type { Turn } from '../../protocol/session/session';
import { readValid, Stop, valid, writeResult } from '../tore/command';
import { EXIT, STREAM, type Terminal } from '../tore/terminal';
import { must, type Attendance } from './attendance';
import type { SessionOptions } from './options';

/** What a command works with. */
export interface Visit {
  readonly options: SessionOptions;
  readonly attendance: Attendance;
  readonly terminal: Terminal;
}

/** One word behind `tore-session`. */
export interface SessionCommand {
  /** As shown by `--help`. */
  readonly usage: string;
  readonly summary: string;
  /** Fewest and most words behind the command. */
  readonly words: readonly [number, number];
  run(visit: Visit, words: readonly string[]): Promise<void>;
}

const MS_PER_DAY = 86_400_000;
/** As in the app: what is written in a session is quoted and built upon. */
const TEMPERATURE = 0.4;
const PLATFORM = 'tore-session';

/** Words of others on a terminal: nothing that moves its cursor or changes its colours. */
function printable(text: string): string {
  return text.replace(/(?!\n)\p{Cc}|\p{Cf}|\p{Surrogate}/gu, '\ufffd');
}

/** The result of a command: a line for people, or the value it stands for. */
async function answer({ options, terminal }: Visit, line: string, value: unknown): Promise<void> {
  await writeResult(STREAM, `${options.json ? JSON.stringify(value) : line}\n`, terminal);
}

const profileOf = ({ displayName }: SessionOptions) => ({
  display_name: displayName,
  platform: PLATFORM,
  model: null,
});

function lineOf(session: FollowedSession, turn: Turn): string {
  const name = session.participants.find(({ id }) => id === turn.participant_id)?.display_name ?? 'Somebody';
  const cost = turn.inference_cost;
  const by = turn.author === 'model' ? `${name}, by a model` : name;
  const paid =
    cost === undefined || cost === null ? '' : ` (${cost.amount} ${cost.unit}, ledger entry ${cost.ledger_ref})`;
  const warning = session.unverified.has(turn.id) ? ' [the signature does not hold]' : '';
  return printable(`${turn.seq} ${by}: ${textOf(turn)}${paid}${warning}`);
}

const open: SessionCommand = {
  usage: 'open TITLE [--agreement FILE]',
  summary: 'Open a session at the coordinator and print its id.',
  words: [1, 1],
  async run(visit, [title = '']) {
    const { options, attendance, terminal } = visit;
    const read = options.agreementFile === null ? null : await readValid(options.agreementFile, terminal);
    if (read !== null && read.kind !== 'agreement') {
      throw new Stop(EXIT.invalid, `${options.agreementFile} is no agreement.`);
    }
    const fields = { title, mode: 'async' as const, agreement: read?.document ?? null };
    const session = must(await attendance.client.create(fields, profileOf(options)));
    await answer(visit, session.id, session.head);
  },
};

const invite: SessionCommand = {
  usage: 'invite SESSION [--observer] [--uses N] [--days N]',
  summary: 'Make a link others join with, and print it. It holds a code: whoever has it comes in.',
  words: [1, 1],
  async run(visit, [sessionId = '']) {
    const { options, attendance } = visit;
    const session = await attendance.session(sessionId);
    const expiresAt = new Date(Date.now() + options.days * MS_PER_DAY).toISOString();
    const terms = {
      role: options.observer ? ('observer' as const) : ('member' as const),
      uses: options.uses,
      expiresAt,
    };
    const { code } = must(await attendance.client.invite(sessionId, terms));
    const link = writeSessionLink({ sessionId, hostUrl: session.hostUrl, code });
    await answer(visit, link, { link, expires_at: expiresAt });
  },
};

const join: SessionCommand = {
  usage: 'join LINK',
  summary: 'Join the session of a link and print its id.',
  words: [1, 1],
  async run(visit, [text = '']) {
    const { options, attendance } = visit;
    const session = must(await attendance.client.join(must(readSessionLink(text)), profileOf(options)));
    await answer(visit, session.id, session.head);
  },
};

const list: SessionCommand = {
  usage: 'list',
  summary: 'The sessions of this key, and those its agreements offer.',
  words: [0, 0],
  async run(visit) {
    const { client } = visit.attendance;
    const connected = (): true | null => (client.isHomeListed ? true : null);
    await visit.attendance.until(connected, () => client.homeError?.message ?? 'The coordinator cannot be reached.');
    for (const { id, head, link } of client.sessions) {
      await answer(visit, printable(`${id} ${head.title} (${head.status}, ${head.last_seq} turns)`), { ...head, link });
    }
    for (const { offer } of client.offers) {
      await answer(visit, printable(`${offer.session_id} ${offer.title} (offered by ${offer.opened_by})`), offer);
    }
  },
};

const read: SessionCommand = {
  usage: 'read SESSION',
  summary: 'Everything that was said, a turn a line.',
  words: [1, 1],
  async run(visit, [sessionId = '']) {
    const session = await visit.attendance.session(sessionId);
    for (const turn of session.turns) await answer(visit, lineOf(session, turn), turn);
  },
};

const say: SessionCommand = {
  usage: 'say SESSION TEXT',
  summary: 'Say something, signed with this key; prints its number. TEXT may be - for the standard input.',
  words: [2, 2],
  async run(visit, [sessionId = '', given = '']) {
    const { attendance, terminal } = visit;
    const bytes = given === STREAM ? await terminal.read(STREAM) : null;
    if (bytes?.ok === false) throw new Stop(EXIT.io, bytes.error.message);
    const text = bytes === null ? given : readText(bytes.value).trimEnd();
    const session = await attendance.session(sessionId);
    const turn = must(await attendance.client.post(sessionId, { author: 'human', content: [{ type: 'text', text }] }));
    const seq = await attendance.numbered(session, turn.id);
    await answer(visit, String(seq), { seq, id: turn.id });
  },
};

/** @throws Stop when the bytes are no UTF-8 */
function readText(bytes: Uint8Array): string {
  if (!isUtf8(bytes)) throw new Stop(EXIT.usage, 'The standard input is no text in UTF-8; nothing was posted.');
  return new TextDecoder().decode(bytes);
}

const ask: SessionCommand = {
  usage: 'ask SESSION MODEL [--max-tokens N]',
  summary: 'Let a model of the coordinator answer the last turn. The GFT of the node in the data folder pay for it.',
  words: [2, 2],
  async run(visit, [sessionId = '', modelId = '']) {
    const { options, attendance, terminal } = visit;
    const { coordinatorUrl: url, accessToken, dataFolder, maxNewTokens } = options;
    const session = await attendance.session(sessionId);
    const asker = must(await NetworkAsker.open({ url, accessToken, dataFolder, identity: attendance.identity }));
    const model = must(await asker.model(modelId));
    const context = buildContext({
      title: session.head.title,
      participants: session.participants,
      turns: session.turns,
      participantId: session.participantId,
      modelName: modelId,
      inReplyTo: null,
      contextLength: model.contextLength,
      maxNewTokens: Math.min(maxNewTokens, model.contextLength),
    });
    if (context.turnsLeftOut > 0) terminal.note(`${context.turnsLeftOut} of the oldest turns did not fit.`);
    // The own coordinator confirms a cost to the host of a session it leads to; elsewhere the answer counts, its cost stays out.
    const { client } = attendance;
    const bookedAt = client.isThroughHome(session) ? client.homeCoordinatorId : null;
    const { id, participantId } = session;
    const outcome = must(
      await asker.ask(
        {
          modelId,
          messages: context.messages,
          maxNewTokens,
          temperature: TEMPERATURE,
          ...(bookedAt !== null ? { session: { sessionId: id, participantId } } : {}),
        },
        {},
      ),
    );
    const cost = bookedAt === null ? null : settledCost(outcome, session.head, bookedAt);
    const turn = must(
      await attendance.client.post(sessionId, {
        author: 'model',
        content: [{ type: 'text', text: outcome.text }],
        inReplyTo: session.turns.at(-1)?.id ?? null,
        model: { provider: 'network', model_id: modelId },
        ...(cost === null ? {} : { cost }),
      }),
    );
    await attendance.numbered(session, turn.id);
    const posted = session.turns.find((each) => each.id === turn.id);
    if (posted !== undefined) await answer(visit, lineOf(session, posted), posted);
  },
};

const statement: SessionCommand = {
  usage: 'statement SESSION',
  summary: 'What the session cost, by whom, checked entry by entry against the ledger of its host; as JSON.',
  words: [1, 1],
  async run({ attendance, terminal }, [sessionId = '']) {
    const session = await attendance.session(sessionId);
    const { head, participants, turns } = session;
    const made = statementOf(head, participants, turns, new Date().toISOString());
    const entries = must(await attendance.client.costs(sessionId));
    const { coordinator_id: coordinatorId, cost_unit: unit, cost_rate: rate } = head;
    const checked = checkStatement(made.lines, entries, { coordinatorId, terms: { unit, rate } });
    await writeResult(STREAM, `${JSON.stringify({ ...made, checked }, null, 2)}\n`, terminal);
  },
};

const exportSession: SessionCommand = {
  usage: 'export SESSION FILE',
  summary: 'Write the session as a tore-0003 document, which `tore verify` checks without a network.',
  words: [2, 2],
  async run({ attendance, terminal }, [sessionId = '', file = '']) {
    const session = await attendance.session(sessionId);
    await writeResult(file, valid(file, writeDocument(sessionDocument(session))), terminal);
  },
};

export const SESSION_COMMANDS: Readonly<Record<string, SessionCommand>> = {
  open,
  invite,
  join,
  list,
  read,
  say,
  ask,
  statement,
  export: exportSession,
};
