import { Compile } from 'typebox/compile';
import { Value } from 'typebox/value';
import type { PolicyCheck } from '../../protocol/compute/http/admin';
import { CoordinatorConfig } from '../config';
import { shownSettings } from '../service/policy';

/** Problems in one answer. */
const MAX_PROBLEMS = 50;

const checker = Compile(CoordinatorConfig);

/** Checks settings somebody edited, on top of those in force. A secret given as it is shown stays as it is. */
export function checkPolicy(config: CoordinatorConfig, edited: Readonly<Record<string, unknown>>): PolicyCheck {
  const shown = shownSettings(config);
  const known = new Set(Object.keys(CoordinatorConfig.properties));
  const unknownSettings = Object.keys(edited).filter((name) => !known.has(name));
  const changes = Object.entries(edited).filter(([name, value]) => value !== shown[name]);
  const candidate: unknown = Value.Default(CoordinatorConfig, {
    ...Value.Clone(config),
    ...Object.fromEntries(changes),
  });
  const problems = unknownSettings.map((setting) => ({ setting, message: 'There is no such setting.' }));
  for (const error of checker.Errors(candidate)) {
    problems.push({ setting: error.instancePath.slice(1).replaceAll('/', '.'), message: error.message });
  }
  return { valid: problems.length === 0, problems: problems.slice(0, MAX_PROBLEMS) };
}
