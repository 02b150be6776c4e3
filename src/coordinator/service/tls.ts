import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { success } from '../../protocol/result';
import type { CoordinatorConfig } from '../config';
import { refuse, type CoordinatorResult } from '../errors';

/** A certificate with its chain, and its key, both PEM. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  readonly validUntilMs: number;
}

/** Reads and checks the certificate of a configuration; null when it names none. Fails with `tls-invalid`. */
export function readTls(
  config: Pick<CoordinatorConfig, 'tlsCertificateFile' | 'tlsKeyFile'>,
): CoordinatorResult<TlsFiles | null> {
  const { tlsCertificateFile: certificateFile, tlsKeyFile: keyFile } = config;
  if (certificateFile === null && keyFile === null) return success(null);
  const wrong = (message: string): ReturnType<typeof refuse> =>
    refuse('tls-invalid', message, { suggestion: 'Correct tlsCertificateFile and tlsKeyFile.' });
  if (certificateFile === null || keyFile === null) {
    return wrong('tlsCertificateFile and tlsKeyFile are set together or not at all.');
  }
  try {
    const cert = readFileSync(certificateFile, 'utf8');
    const key = readFileSync(keyFile, 'utf8');
    const certificate = new X509Certificate(cert);
    if (!certificate.checkPrivateKey(createPrivateKey(key))) {
      return wrong(`The key ${keyFile} does not belong to the certificate ${certificateFile}.`);
    }
    return success({ cert, key, validUntilMs: Date.parse(certificate.validTo) });
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    return wrong(`The certificate ${certificateFile} and its key cannot be used: ${reason}`);
  }
}
