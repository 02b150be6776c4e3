import { IconArrowRight } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import type { AnswerFacts, AnswerHop } from '../../../contract';
import { Amount } from '../../components/Amount';
import { formatCount, formatLayers, formatSpeed, formatWireAmount, shortenId } from '../../format/numbers';
import { formatDuration, formatExactTime } from '../../format/times';
import { useSnapshot } from '../../stores/snapshot-store';
import classes from './Answer.module.css';

interface HopProps {
  readonly hop: AnswerHop;
  /** The coordinator that did some of the layers; their hops begin with its name. */
  readonly peer: string | undefined;
}

/** Characters of a coordinator's name that stand in front of what names a hop on the link. */
const MAX_PEER_NAME = 100;

function HopName({ hop, peer }: HopProps) {
  const { t } = useTranslation();
  if (hop.isThisComputer) return t('common.thisComputer');
  const isAtPeer = peer !== undefined && hop.nodeId.startsWith(`${peer.slice(0, MAX_PEER_NAME)}/`);
  return isAtPeer ? peer : <code>{shortenId(hop.nodeId)}</code>;
}

function Hop({ hop, peer }: HopProps) {
  const { t } = useTranslation();
  const layers = formatLayers(hop.layerStart, hop.layerEnd);
  return (
    <span
      className={classes.hop}
      title={t('chat.hopTitle', { node: hop.nodeId, layers, transport: hop.transport })}
      data-mine={hop.isThisComputer || undefined}
    >
      <HopName hop={hop} peer={peer} /> {layers}
    </span>
  );
}

/** How the name of a model of the person's own begins, see `OwnModelView.chatId`. */
const OWN_MODEL = /^own:/;

interface AnswerFactsLineProps {
  readonly facts: AnswerFacts;
  readonly finished: boolean;
}

/** What an answer took: model, nodes with their layers, tokens, speed, and what the ledger confirmed. */
export function AnswerFactsLine({ facts, finished }: AnswerFactsLineProps) {
  const { t } = useTranslation();
  const model = useSnapshot(({ models }) => models.find(({ modelId }) => modelId === facts.modelId) ?? null);
  const tokenMode = useSnapshot(({ node }) => node.coordinator.tokenMode);
  const { hops, settledCost, servedBy } = facts;
  const isOwn = OWN_MODEL.test(facts.modelId);
  return (
    <div className={classes.facts} data-testid="answer-facts">
      <span className={classes.fact}>{model?.friendlyName ?? facts.modelId.replace(OWN_MODEL, '')}</span>
      {facts.isFallback === true && (
        <span className={classes.fact} title={t('chat.fallbackTitle')} data-testid="answer-fallback">
          {t('chat.fallback')}
        </span>
      )}
      {hops.length > 0 && (
        <ol className={classes.hops} aria-label={t('chat.path')}>
          {hops.map((hop, index) => (
            <li key={`${hop.nodeId}-${hop.layerStart}`}>
              {index > 0 && <IconArrowRight size={12} stroke={1.5} aria-hidden="true" />}
              <Hop hop={hop} peer={servedBy?.name} />
            </li>
          ))}
        </ol>
      )}
      <span
        className={classes.fact}
        title={t('chat.tokensTitle', {
          input: formatCount(facts.inputTokens),
          output: formatCount(facts.outputTokens),
        })}
      >
        {t('chat.tokens', { count: facts.outputTokens, shown: formatCount(facts.outputTokens) })}
      </span>
      {facts.tokensPerSecond !== null && (
        <span className={classes.fact} title={facts.durationMs === null ? undefined : formatDuration(facts.durationMs)}>
          {t('chat.speed', { speed: formatSpeed(facts.tokensPerSecond) })}
        </span>
      )}
      {servedBy !== undefined && (
        <span
          className={classes.fact}
          title={t('chat.servedByTitle', { entry: servedBy.peerRef ?? '' })}
          data-testid="answer-served-by"
        >
          {t(hops.length > 0 ? 'chat.servedWithLayers' : 'chat.servedBy', {
            name: servedBy.name,
            amount: formatWireAmount(servedBy.amount),
            unit: servedBy.unit,
          })}
        </span>
      )}
      {settledCost !== null && (
        <span
          className={classes.fact}
          title={t('chat.settledTitle', {
            time: formatExactTime(settledCost.confirmedAt),
            entry: settledCost.ledgerRef,
          })}
        >
          {t('chat.settledWord')} <Amount microGft={settledCost.microGft} />
        </span>
      )}
      {settledCost === null && finished && isOwn && <span className={classes.fact}>{t('chat.ownModel')}</span>}
      {settledCost === null && finished && !isOwn && tokenMode === false && (
        <span className={classes.fact}>{t('chat.free')}</span>
      )}
    </div>
  );
}
