import { expect, it } from 'vitest';
import { RepeatedQuestion } from './repeated-question';

/** A question whose answers come when the test says so. */
function open() {
  const asked: ((answer: string) => void)[] = [];
  const taken: string[] = [];
  const question = new RepeatedQuestion<string>(
    () => new Promise((resolve) => asked.push(resolve)),
    (answer) => taken.push(answer),
  );
  return { question, asked, taken };
}

it('waits for an answer that takes longer than the time between two questions', async () => {
  const { question, asked, taken } = open();
  const first = question.ask();
  question.askIfIdle();
  question.askIfIdle();
  expect(asked).toHaveLength(1);
  asked[0]?.('slow');
  await first;
  expect(taken).toEqual(['slow']);
  question.askIfIdle();
  expect(asked).toHaveLength(2);
});

it('takes only the newest of two answers when it is asked again on purpose', async () => {
  const { question, asked, taken } = open();
  const first = question.ask();
  const second = question.ask();
  asked[1]?.('new');
  asked[0]?.('old');
  await Promise.all([first, second]);
  expect(taken).toEqual(['new']);
});

it('takes nothing after its end, and can begin again', async () => {
  const { question, asked, taken } = open();
  const first = question.ask();
  question.end();
  asked[0]?.('late');
  await first;
  expect(taken).toEqual([]);
  const second = question.ask();
  asked[1]?.('again');
  await second;
  expect(taken).toEqual(['again']);
});
