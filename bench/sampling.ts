import { pickToken, type SamplingRules } from '../src/inference/sampling/sampler';
import { keptByDefinition } from '../src/inference/testdata/reference-sampling';
import { drawUniform } from '../src/inference/sampling/split-mix';
import { median } from './support/measured-model';
import { writeReport, type ReportRow } from './support/report';

/**
 * Picking a token from the logits of a large vocabulary, against the definition word for word: weigh all, sort all, cut.
 *
 * `node scripts/bench.mjs sampling [rounds]`
 */
const [roundsText = '40'] = process.argv.slice(2);
const ROUNDS = Number.parseInt(roundsText, 10);

/** Those of Llama 2 and of Qwen 2.5. */
const VOCABULARIES = [32_000, 151_936] as const;
const CASES: readonly (readonly [string, SamplingRules])[] = [
  ['temperature 1', { temperature: 1, top_k: 0, top_p: 1 }],
  ['temperature 0.7, top-p 0.95', { temperature: 0.7, top_k: 0, top_p: 0.95 }],
  ['temperature 0.7, top-k 40, top-p 0.9', { temperature: 0.7, top_k: 40, top_p: 0.9 }],
  ['temperature 0.7, min-p 0.05', { temperature: 0.7, top_k: 0, top_p: 1, min_p: 0.05 }],
];

function pickByDefinition(logits: Float32Array, rules: SamplingRules, uniform: number): number {
  const { ids, weights, share } = keptByDefinition(logits, rules);
  let reached = 0;
  for (const id of ids) {
    reached += weights[id] ?? 0;
    if (reached > uniform * share) return id;
  }
  return ids.at(-1) ?? 0;
}

/** Logits as spread as those of a language model: most far below the few that matter. */
function drawLogits(vocabulary: number, round: number): Float32Array {
  return Float32Array.from({ length: vocabulary }, (_, id) => {
    const [radius, angle] = [drawUniform(round, 2 * id), drawUniform(round, 2 * id + 1)];
    return 3 * Math.sqrt(-2 * Math.log(1 - radius)) * Math.cos(2 * Math.PI * angle);
  });
}

type Picker = (logits: Float32Array, rules: SamplingRules, uniform: number) => number;

const rows: ReportRow[] = [];
for (const vocabulary of VOCABULARIES) {
  const times = CASES.map(() => ({ ours: [] as number[], definition: [] as number[] }));
  // The first rounds only warm up.
  for (let round = -5; round < ROUNDS; round++) {
    const logits = drawLogits(vocabulary, round + 5);
    for (const [index, [name, rules]] of CASES.entries()) {
      const uniform = drawUniform(round + 5, index);
      const time = (pick: Picker): { ms: number; id: number } => {
        const start = performance.now();
        const id = pick(logits, rules, uniform);
        return { ms: performance.now() - start, id };
      };
      const [ours, definition] = [time(pickToken), time(pickByDefinition)];
      if (ours.id !== definition.id) throw new Error(`${name}: token ${ours.id}, by definition ${definition.id}`);
      if (round < 0) continue;
      times[index]?.ours.push(ours.ms);
      times[index]?.definition.push(definition.ms);
    }
  }
  for (const [index, { ours, definition }] of times.entries()) {
    rows.push({
      name: `${vocabulary.toLocaleString('en')} tokens, ${CASES[index]?.[0] ?? ''}`,
      ours: 1_000 / median(ours),
      baseline: 1_000 / median(definition),
      ratio: median(ours.map((ms, round) => (definition[round] ?? Number.NaN) / ms)),
    });
  }
}
await writeReport({
  name: 'sampling',
  title: 'Picking a token from the logits of a vocabulary',
  unit: 'tokens/s',
  baselineName: 'sorting all',
  note: `Medians of ${ROUNDS} paired rounds; both pick the same tokens.`,
  rows,
});
