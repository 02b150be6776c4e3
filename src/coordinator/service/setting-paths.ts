import { resolve } from 'node:path';
import type { CoordinatorOptions, FederationSettings } from '../config';
import { IN_MEMORY } from '../storage/open-database';
import { isPolicyFile } from './institution-policy';

/** Settings that are one path. */
const FILE_SETTINGS = ['databaseFile', 'tlsCertificateFile', 'tlsKeyFile', 'signingKeyFile'] as const;

type WholePath = (path: string) => string;

/** A federation as it was given: what it leaves out gets its defaults later. */
function wholeFederation({ keyFile, peers, ...rest }: Partial<FederationSettings>, whole: WholePath): object {
  return {
    ...rest,
    ...(keyFile === undefined ? {} : { keyFile: whole(keyFile) }),
    ...(peers === undefined
      ? {}
      : { peers: peers.map((peer) => ({ ...peer, agreementFile: whole(peer.agreementFile) })) }),
  };
}

/**
 * The same settings with every path in them whole, so that a command finds the same files from any folder.
 *
 * @param settings - checked ones; what they leave out stays out
 * @param folder - where paths that are not whole count from
 */
export function withWholePaths(settings: CoordinatorOptions, folder: string): CoordinatorOptions {
  const { policy, modelFolders, federation } = settings;
  const whole: WholePath = (path) => (path === IN_MEMORY ? path : resolve(folder, path));
  const files = FILE_SETTINGS.flatMap((name) => {
    const path = settings[name];
    return typeof path === 'string' ? [[name, whole(path)] as const] : [];
  });
  const changed: object = {
    ...Object.fromEntries(files),
    ...(typeof policy === 'string' && isPolicyFile(policy) ? { policy: whole(policy) } : {}),
    ...(modelFolders === undefined ? {} : { modelFolders: modelFolders.map(whole) }),
    ...(federation === undefined ? {} : { federation: wholeFederation(federation, whole) }),
  };
  return { ...settings, ...changed };
}
