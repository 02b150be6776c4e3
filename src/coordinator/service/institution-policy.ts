import { readFileSync, statSync } from 'node:fs';
import { success } from '../../protocol/result';
import { isPolicyTemplate, POLICY_TEMPLATES, type PolicyTemplate } from '../../protocol/trust/policy';
import type { CoordinatorConfig, CoordinatorOptions } from '../config';
import { refuse, type CoordinatorResult } from '../errors';

/** A policy is a page of text. */
const MAX_POLICY_BYTES = 100_000;
/** As long as `joinInstructions` may be. */
const MAX_INSTRUCTIONS_LENGTH = 500;

/** From whom-ever-may-come to members alone. */
const STRICTNESS: readonly CoordinatorConfig['accessPolicy'][] = ['open', 'keyed', 'institution'];

/** Whether a policy is named as a file, not by the id of one that is shipped. */
export function isPolicyFile(named: string): boolean {
  return /[./\\]/.test(named);
}

/** The policy that a setting names: one of `resources/policies` by its id, else a file of the same form. */
export function readPolicy(named: string): CoordinatorResult<PolicyTemplate> {
  const known = POLICY_TEMPLATES.find(({ id }) => id === named);
  if (known !== undefined) return success(known);
  const wrong = (why: string) =>
    refuse('config-invalid', `The policy ${named} cannot be used: ${why}.`, {
      suggestion: `Name one of ${POLICY_TEMPLATES.map(({ id }) => id).join(', ')}, or a file of the form resources/policies/README.md describes.`,
    });
  if (!isPolicyFile(named)) return wrong('there is none of this name');
  let value: unknown;
  try {
    if (statSync(named).size > MAX_POLICY_BYTES) return wrong(`the file is larger than ${MAX_POLICY_BYTES} bytes`);
    value = JSON.parse(readFileSync(named, 'utf8'));
  } catch (thrown) {
    return wrong(thrown instanceof SyntaxError ? 'the file is not JSON' : 'the file cannot be read');
  }
  return isPolicyTemplate(value) ? success(value) : wrong('the file does not have the form of a policy');
}

/** What a policy sets at a coordinator. The configuration may be stricter, see `checkAgainstPolicy`. */
export function policySettings({ access_policy, token_economy, title, summary }: PolicyTemplate): CoordinatorOptions {
  return {
    accessPolicy: access_policy,
    tokenEconomy: token_economy,
    joinInstructions: `Policy “${title}”: ${summary}`.slice(0, MAX_INSTRUCTIONS_LENGTH),
  };
}

/**
 * Refuses a configuration that does less than the policy it names, so that nobody reads the one and gets the other. To let
 * fewer people in, or to keep no accounts, is always allowed.
 */
export function checkAgainstPolicy(config: CoordinatorConfig, policy: PolicyTemplate): CoordinatorResult<void> {
  const conflict = (setting: string, wanted: string, given: string) =>
    refuse(
      'config-invalid',
      `The policy ${policy.id} wants ${setting} ${wanted}, and the configuration says ${given}.`,
      {
        suggestion: `Remove ${setting} from the configuration, or name another policy.`,
      },
    );
  if (STRICTNESS.indexOf(config.accessPolicy) < STRICTNESS.indexOf(policy.access_policy)) {
    return conflict('accessPolicy', policy.access_policy, config.accessPolicy);
  }
  if (config.tokenEconomy && !policy.token_economy) return conflict('tokenEconomy', 'false', 'true');
  return success(undefined);
}

/** The policy in sentences: what it means for people, and what its operator should see to. */
export function explainPolicy({ id, title, summary, explains, advice }: PolicyTemplate): readonly string[] {
  return [
    `policy ${id}: ${title}. ${summary}`,
    ...explains.map((sentence) => `  it means: ${sentence}`),
    ...advice.map((sentence) => `  see to it: ${sentence}`),
  ];
}
