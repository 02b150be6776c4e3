import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAppProtocolHandler, resolveAppFile } from './app-protocol';
import { pageAddress } from './page-address';

let folder: string;
let root: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-pages-'));
  root = join(folder, 'renderer');
  await mkdir(join(root, 'assets'), { recursive: true });
  await writeFile(join(root, 'index.html'), '<!doctype html>');
  await writeFile(join(root, 'assets', 'index.js'), 'export {};');
  await writeFile(join(folder, 'secret.json'), '{}');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('resolveAppFile', () => {
  it('finds the files of the pages', () => {
    expect(resolveAppFile('app://tore/', root)).toBe(join(root, 'index.html'));
    expect(resolveAppFile('app://tore/assets/index.js?v=1#x', root)).toBe(join(root, 'assets', 'index.js'));
  });

  it.each([
    'app://tore/../secret.json',
    'app://tore/%2e%2e/secret.json',
    'app://tore/..%2fsecret.json',
    'app://tore/assets/..%2f..%2fsecret.json',
    'app://tore/..%5csecret.json',
    'app://tore/%00.html',
    'app://tore/%ff.html',
    'app://other/index.html',
    'https://tore/index.html',
    'file:///etc/passwd',
    'app://tore/assets',
    'app://tore/index.html.map',
    'nonsense',
  ])('serves nothing for %s', (address) => {
    const file = resolveAppFile(address, root);
    // Dots that the address parser already resolved may name a file inside the root that does not exist.
    expect(file === null || file === join(root, 'secret.json')).toBe(true);
  });
});

describe('createAppProtocolHandler', () => {
  it('answers with type and policy', async () => {
    const response = await createAppProtocolHandler(
      root,
      join(folder, 'files'),
    )(new Request('app://tore/assets/index.js'));
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'; script-src 'self';");
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    expect(await response.text()).toBe('export {};');
  });

  it('says when there is nothing, and takes only reading', async () => {
    const handler = createAppProtocolHandler(root, join(folder, 'files'));
    expect((await handler(new Request('app://tore/missing.js'))).status).toBe(404);
    expect((await handler(new Request('app://tore/', { method: 'POST' }))).status).toBe(405);
  });
});

describe('pictures of the library', () => {
  const PNG = Buffer.from('\u0089PNG\r\n\u001a\nrest', 'latin1');
  const SVG = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>');
  const hashOf = (content: Buffer) => createHash('sha256').update(content).digest('hex');

  async function keep(sha256: string, content: Buffer): Promise<void> {
    await mkdir(join(folder, 'files', sha256.slice(0, 2)), { recursive: true });
    await writeFile(join(folder, 'files', sha256.slice(0, 2), sha256), content);
  }

  async function ask(path: string): Promise<Response> {
    return createAppProtocolHandler(root, join(folder, 'files'))(new Request(`app://tore/library-pictures/${path}`));
  }

  it('are served when they are pictures, and can do nothing as a page', async () => {
    await keep(hashOf(PNG), PNG);
    const response = await ask(hashOf(PNG));
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('image/png');
    expect(response.headers.get('content-security-policy')).toBe("default-src 'none'; sandbox");
  });

  it('are served as nothing else, and only unchanged', async () => {
    await keep(hashOf(SVG), SVG);
    expect((await ask(hashOf(SVG))).status).toBe(415);
    const changed = hashOf(Buffer.from('another'));
    await keep(changed, PNG);
    expect((await ask(changed)).status).toBe(500);
    expect((await ask('0'.repeat(64))).status).toBe(404);
    expect((await ask('../../secret.json')).status).toBe(404);
  });
});

describe('pageAddress', () => {
  it('uses a development server only in an unpackaged app and only on this computer', () => {
    expect(pageAddress(false, 'http://localhost:5173').page).toBe('http://localhost:5173');
    expect(pageAddress(true, 'http://localhost:5173').origin).toBe('app://tore');
    expect(pageAddress(false, 'http://evil.example').origin).toBe('app://tore');
    expect(pageAddress(false, undefined).page).toBe('app://tore/index.html');
  });
});
