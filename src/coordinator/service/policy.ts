import type { CoordinatorConfig } from '../config';
import { describeLocation } from '../storage/open-database';
import { signingKeyPlace } from './signing-key';
import { SECRET_SETTINGS } from './environment';
import { settingNames } from './config-document';

const LOOPBACK_HOSTS: readonly string[] = ['127.0.0.1', '::1', 'localhost'];

function isOpenToStrangers(config: CoordinatorConfig): boolean {
  return !LOOPBACK_HOSTS.includes(config.host) && config.accessToken === null && config.accessPolicy === 'open';
}

/** What an operator should know of a configuration before strangers find it out. */
export function policyWarnings(config: CoordinatorConfig): string[] {
  const warnings: string[] = [];
  const isRemote = !LOOPBACK_HOSTS.includes(config.host);
  if (isOpenToStrangers(config)) {
    warnings.push(
      `Listening at ${config.host} without an access token: everyone who reaches it can register nodes and spend their balances.`,
    );
  }
  if (isRemote && config.tlsCertificateFile === null && config.trustedProxies.length === 0) {
    warnings.push(
      `Listening at ${config.host} without TLS and without a trusted proxy: tokens, prompts and answers can be read on the way.`,
    );
  }
  if (isRemote && config.accessPolicy !== 'institution' && config.shardHosts === 'any') {
    warnings.push(
      'shardHosts is "any": a node can point this coordinator at addresses of its own network. "public" refuses them.',
    );
  }
  if (isRemote && config.accessPolicy !== 'institution' && config.tokenEconomy && config.openingGrantMicroGft > 0) {
    warnings.push('Every new key gets an opening grant, and keys cost nothing to make.');
  }
  const hasAdministrator = config.administratorToken !== null || config.administratorKeys.length > 0;
  if (config.accessPolicy === 'institution' && !hasAdministrator && config.allowedKeys.length === 0) {
    warnings.push('accessPolicy is "institution" and nobody can come in: set administratorToken, or list keys.');
  }
  warnings.push(...fallbackWarnings(config));
  if (config.gridSource !== 'static' && (config.gridKey === null || config.gridRegions.length === 0)) {
    warnings.push(
      `gridSource is ${config.gridSource}, which needs gridKey and gridRegions; the built-in table counts.`,
    );
  }
  if (config.natsUrl !== null && config.databaseUrl === null) {
    warnings.push('natsUrl is set without databaseUrl: replicas need one PostgreSQL database together.');
  }
  if (config.tokenEconomy && signingKeyPlace(config) === null) {
    warnings.push('signingKeyFile is not set: no checkpoints of the ledger are signed, so nobody else can check it.');
  }
  return warnings;
}

function fallbackWarnings(config: CoordinatorConfig): string[] {
  const { fallbackBaseUrl, fallbackModels, fallbackUse } = config;
  if (fallbackBaseUrl === null) {
    return fallbackModels.length > 0 ? ['fallbackModels is set without fallbackBaseUrl and does nothing.'] : [];
  }
  const warnings: string[] = [];
  if (fallbackModels.length === 0) warnings.push('fallbackBaseUrl is set without fallbackModels and does nothing.');
  const { protocol, hostname } = new URL(fallbackBaseUrl);
  if (protocol === 'http:' && !LOOPBACK_HOSTS.includes(hostname)) {
    warnings.push('fallbackBaseUrl is http: its key, prompts and answers can be read on the way.');
  }
  if (fallbackUse === 'unavailable') {
    warnings.push(`Where no pipeline can answer, prompts leave this coordinator for ${hostname} without being asked.`);
  }
  if (config.tokenEconomy && config.fallbackMicroGftPerToken === 0) {
    warnings.push('Answers of the fallback server cost nothing: set fallbackMicroGftPerToken.');
  }
  return warnings;
}

/** Every setting as it counts, secrets shown only as set or not. */
export function shownSettings(config: CoordinatorConfig): Record<string, unknown> {
  const shown: Record<string, unknown> = {};
  for (const name of settingNames()) {
    const value = config[name];
    const isSecret = (SECRET_SETTINGS as readonly string[]).includes(name);
    shown[name] =
      !isSecret || value === null ? value : name === 'databaseUrl' ? describeLocation(String(value)) : '(set)';
  }
  return shown;
}
