import { MICRO_GFT_PER_GFT } from '../compute/micro-gft';
import { uniqueIds } from '../documents/check-ids';
import { documentValidator } from '../documents/check-schema';
import { quoted, type Path, type ProblemList } from '../documents/problems';
import { checkTime, toEpochMs } from '../documents/time';
import { GroupSession, type InferenceCost, type Turn } from './session';

function checkSequence(turns: readonly Turn[], path: Path, problems: ProblemList): void {
  const positions = new Map<number, number>();
  for (const [index, { seq }] of turns.entries()) {
    if (positions.has(seq)) problems.add([...path, index, 'seq'], `The number ${seq} is used by two turns.`);
    else positions.set(seq, index);
  }
  for (let seq = 1; seq <= positions.size; seq += 1) {
    if (positions.has(seq)) continue;
    problems.add(path, `The turns are numbered from 1 without gaps, but number ${seq} is missing.`);
    return;
  }
}

/** GFT has at most six fraction digits on the wire; other units are the agreement's business. */
function isWholeMicroGft(amount: number): boolean {
  return amount === Number((Math.round(amount * MICRO_GFT_PER_GFT) / MICRO_GFT_PER_GFT).toFixed(6));
}

function checkCost(cost: InferenceCost, path: Path, problems: ProblemList): void {
  checkTime(cost.confirmed_at, [...path, 'confirmed_at'], problems);
  if (cost.unit === 'GFT' && !isWholeMicroGft(cost.amount)) {
    problems.add([...path, 'amount'], 'An amount of GFT has at most six digits after the point.');
  }
}

/** What the schema of a session cannot say. `path` is where it stands in a larger document. */
export function checkSession(session: GroupSession, problems: ProblemList, path: Path = []): void {
  const participants = uniqueIds(session.participants, [...path, 'participants'], problems);
  for (const [index, { joined_at, left_at }] of session.participants.entries()) {
    const at = [...path, 'participants', index];
    checkTime(joined_at, [...at, 'joined_at'], problems);
    checkTime(left_at, [...at, 'left_at'], problems);
    if (typeof left_at === 'string' && toEpochMs(left_at) < toEpochMs(joined_at)) {
      problems.add([...at, 'left_at'], 'The participant left before joining.');
    }
  }
  const turnsPath = [...path, 'turns'];
  const positions = uniqueIds(session.turns, turnsPath, problems);
  checkSequence(session.turns, turnsPath, problems);
  for (const [index, turn] of session.turns.entries()) {
    if (problems.full) return;
    const at = [...turnsPath, index];
    if (!participants.has(turn.participant_id)) {
      problems.add([...at, 'participant_id'], `${quoted(turn.participant_id)} is not a participant of this session.`);
    }
    checkTime(turn.created_at, [...at, 'created_at'], problems);
    for (const field of ['in_reply_to', 'follows'] as const) {
      const id = turn[field];
      if (typeof id !== 'string') continue;
      const target = session.turns[positions.get(id) ?? -1];
      if (target === undefined || target.seq >= turn.seq) {
        problems.add([...at, field], `${quoted(id)} is not an earlier turn of this session.`);
      }
    }
    if (typeof turn.session_id === 'string' && turn.session_id !== session.id) {
      problems.add([...at, 'session_id'], `The turn was written for another session, ${quoted(turn.session_id)}.`);
    }
    if (turn.inference_cost !== null && turn.inference_cost !== undefined) {
      checkCost(turn.inference_cost, [...at, 'inference_cost'], problems);
    }
  }
  checkTime(session.created_at, [...path, 'created_at'], problems);
  checkTime(session.updated_at, [...path, 'updated_at'], problems);
}

/** Checks that a value is a valid group session (tore-0003). Signatures of turns are verified apart. */
export const validateSession = documentValidator(GroupSession, 'group session', checkSession);
