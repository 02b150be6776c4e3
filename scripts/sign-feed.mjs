// `node scripts/sign-feed.mjs KEY.pem dist/latest*.yml`: signs what electron-builder wrote about a release, beside each file.
// Apps whose package names the public half of the key take no other news of updates. Make a key once, keep it offline:
// openssl genpkey -algorithm ed25519 -out key.pem && openssl pkey -in key.pem -pubout -out public.pem
import { createPrivateKey, sign } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { runScript, say, ScriptError } from './report.mjs';

await runScript('sign-feed', () => {
  const [keyFile, ...files] = process.argv.slice(2);
  if (keyFile === undefined || files.length === 0) {
    throw new ScriptError('name the private key (PEM, Ed25519) and the files to sign');
  }
  const key = createPrivateKey(readFileSync(keyFile));
  if (key.asymmetricKeyType !== 'ed25519') {
    throw new ScriptError(`${keyFile} is no Ed25519 key`);
  }
  for (const file of files) {
    writeFileSync(`${file}.sig`, `${sign(null, readFileSync(file), key).toString('base64')}\n`);
    say('sign-feed', `${file}.sig`);
  }
});
