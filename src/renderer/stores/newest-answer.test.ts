import { expect, it } from 'vitest';
import { NewestAnswer } from './newest-answer';

function question() {
  let answer: (text: string) => void = () => undefined;
  return { asked: new Promise<string>((resolve) => (answer = resolve)), answer: (text: string) => answer(text) };
}

it('gives the answer to a question nothing came after', async () => {
  const newest = new NewestAnswer();
  const { asked, answer } = question();
  answer('yes');
  expect(await newest.to(asked)).toBe('yes');
  newest.drop();
  expect(await newest.to(Promise.resolve('again'))).toBe('again');
});

it('gives up a question at once when it is dropped or another one is asked', async () => {
  const newest = new NewestAnswer();
  const [first, second] = [question(), question()];
  const dropped = newest.to(first.asked);
  newest.drop();
  expect(await dropped).toBeNull();
  const overtaken = newest.to(first.asked);
  const kept = newest.to(second.asked);
  expect(await overtaken).toBeNull();
  first.answer('too late');
  second.answer('kept');
  expect(await kept).toBe('kept');
});

it('passes a failure on', async () => {
  await expect(new NewestAnswer().to(Promise.reject(new Error('broken')))).rejects.toThrow('broken');
});
