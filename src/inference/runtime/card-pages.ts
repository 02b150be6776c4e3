import type { Device } from '../device';
import { OnnxGraph } from '../shards/onnx-graph';
import { sessionOptions, type OnnxRuntime, type OnnxSession, type OnnxTensor } from './onnx-runtime';
import {
  pageTensor,
  type CacheNumbers,
  type PageArrays,
  type PageRange,
  type PageStore,
  type PageTensors,
} from './page-store';

/** Pages on the card, from the time they went there until something else changes them. */
interface PagesOnCard {
  readonly range: PageRange;
  /** In the order of the arrays; fewer while they are on their way. */
  readonly tensors: OnnxTensor[];
}

/**
 * Pages that stay on a card between runs, whose graph writes what is new into them itself, so that an answer's keys and
 * values do not travel there again with each of its tokens. The arrays in main memory hold the same: pages that were moved,
 * or filled from elsewhere, go to the card once more. Ranges on the card never overlap, so that each page is there once.
 */
export class CardPages implements PageStore {
  readonly #runtime: OnnxRuntime;
  readonly #layout: PageArrays;
  readonly #upload: OnnxSession;
  #onCard: PagesOnCard[] = [];
  /** What nobody will look for again, but a run that is under way may be using. */
  #outdated: PagesOnCard[] = [];
  #isInUse = false;

  private constructor(runtime: OnnxRuntime, layout: PageArrays, upload: OnnxSession) {
    this.#runtime = runtime;
    this.#layout = layout;
    this.#upload = upload;
  }

  /** @throws when the card cannot be used */
  static async open(runtime: OnnxRuntime, layout: PageArrays, device: Device): Promise<CardPages> {
    const options = { ...sessionOptions(device, 1), preferredOutputLocation: { [ON_CARD]: 'gpu-buffer' } as const };
    return new CardPages(runtime, layout, await runtime.createSession(buildUploadGraph(layout), options));
  }

  async use<Value>(
    range: PageRange,
    arrays: readonly CacheNumbers[],
    run: (pages: PageTensors) => Promise<Value>,
  ): Promise<Value> {
    const known = this.#onCard.find((one) => one.range.start === range.start && one.range.end === range.end);
    if (known === undefined) this.changed(range);
    const pages = known ?? { range, tensors: [] };
    this.#isInUse = true;
    try {
      if (known === undefined) {
        this.#onCard.push(pages);
        await this.#send(pages, arrays);
      }
      return await run(this.#describe(pages));
    } catch (thrown) {
      this.changed(range);
      throw thrown;
    } finally {
      this.#isInUse = false;
      dispose(this.#outdated.splice(0));
    }
  }

  changed({ start, end }: PageRange): void {
    const isChanged = ({ range }: PagesOnCard): boolean => range.start < end && start < range.end;
    const outdated = this.#onCard.filter(isChanged);
    this.#onCard = this.#onCard.filter((one) => !isChanged(one));
    if (this.#isInUse) this.#outdated.push(...outdated);
    else dispose(outdated);
  }

  replaced(): void {
    // What is on the card is what the new arrays hold.
  }

  async release(): Promise<void> {
    this.changed({ start: 0, end: Number.POSITIVE_INFINITY });
    await this.#upload.release();
  }

  /** One array after the other, so that the card needs room for one of them twice and not for all. */
  async #send({ range, tensors }: PagesOnCard, arrays: readonly CacheNumbers[]): Promise<void> {
    // The arrays may give way to others while this goes on.
    const sent = this.#layout.names.map((_, index) => pageTensor(this.#runtime, this.#layout, range, arrays[index]));
    for (const pages of sent) {
      const tensor = (await this.#upload.run({ [IN_MAIN_MEMORY]: pages }))[ON_CARD];
      if (tensor === undefined) throw new Error('the card did not take the keys and values');
      tensors.push(tensor);
    }
  }

  #describe({ tensors }: PagesOnCard): PageTensors {
    const inputs: Record<string, OnnxTensor> = {};
    const results: Record<string, OnnxTensor> = {};
    const { names, resultNames } = this.#layout;
    for (const [index, tensor] of tensors.entries()) {
      inputs[names[index] ?? ''] = tensor;
      results[resultNames[index] ?? ''] = tensor;
    }
    return { inputs, results };
  }
}

const IN_MAIN_MEMORY = 'in_main_memory';
const ON_CARD = 'on_card';

function buildUploadGraph({ type }: PageArrays): Uint8Array {
  const graph = new OnnxGraph();
  const dimensions = ['pages', 'heads', 'positions', 'head_size'];
  graph.input(IN_MAIN_MEMORY, type, dimensions);
  graph.nodeWithOutputs('Identity', [IN_MAIN_MEMORY], [ON_CARD]);
  graph.output(ON_CARD, type, dimensions);
  return graph.finish('upload');
}

function dispose(outdated: readonly PagesOnCard[]): void {
  for (const { tensors } of outdated) for (const tensor of tensors) tensor.dispose?.();
}
