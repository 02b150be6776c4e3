import type { PipelineHop } from '../../protocol/wire/messages';
import type { PlannedHop } from '../scheduling/scheduler';
import type { GenerateListener } from './generate-service';
import type { PipelineListener } from './pipeline-listener';

/** A hop as the requester sees it. */
export function shownHop(hop: PlannedHop): PipelineHop {
  return {
    node_id: hop.nodeId,
    layer_start: hop.range.layer_start,
    layer_end: hop.range.layer_end,
    transport: hop.isDirect === true ? 'ws-direct' : hop.transport.kind,
  };
}

/** Tells a requester what happens in its pipeline, token by token. */
export function tellRequester(listener: GenerateListener): PipelineListener {
  return {
    started: (hops, inputTokens) => listener.started(hops.map(shownHop), inputTokens),
    tokens: async (tokens, firstIndex) => {
      for (const [offset, { id, text, logProbabilities }] of tokens.entries()) {
        await listener.token(firstIndex + offset, id, text, logProbabilities);
      }
    },
    waiting: (layersMissing, seconds) => listener.waiting(layersMissing, seconds),
  };
}
