import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NodeMessage } from '../../protocol/wire/messages';
import type { Logger } from '../logger';
import { callAt, get, registerNode, registration } from '../testing/foreign-client';
import { fitting, nearlyFitting, type Schema } from '../testing/hostile-values';
import { startTestCoordinator, type TestCoordinator } from '../testing/start-coordinator';
import { testEngine } from '../testing/test-database';
import { WsNode } from '../testing/ws-node';

/** Requests per route and messages per type; on the second engine only what the database makes of it is of interest. */
const RUNS = testEngine() === 'sqlite' ? 15 : 8;

interface Operation {
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly schema: Schema }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
}

let target: TestCoordinator;
/** What was logged as an error: a fault of the coordinator, whatever it was sent. */
let faults: string[] = [];
let everything: string[] = [];
let nodeId = '';

const secretToken = 'a-secret-access-token';

beforeEach(async () => {
  faults = [];
  everything = [];
  const note =
    (isFault: boolean) =>
    (facts: object, message: string): void => {
      const line = `${message} ${JSON.stringify(facts, (_key, value: unknown) => (value instanceof Error ? `${value.name}: ${value.message} ${value.stack ?? ''}` : value))}`;
      everything.push(line);
      if (isFault) faults.push(line);
    };
  const logger: Logger = { debug: note(false), info: note(false), warn: note(true), error: note(true) };
  target = await startTestCoordinator({ apiPage: true, metrics: true, taskTimeoutSeconds: 600 }, { logger });
  callAt(target.url);
  nodeId = await registerNode('key-a');
});
afterEach(() => target.coordinator.stop());

const noFaults = (): void => expect(faults).toEqual([]);

/** An address with its placeholders filled, sometimes with ids that exist. */
function address(path: string, operation: Operation): fc.Arbitrary<string> {
  const parameters = operation.parameters ?? [];
  const values = parameters.map(({ name, schema, in: where }) => {
    const known = fc.constant(nodeId);
    const value = fc
      .oneof(known, nearlyFitting(schema), fitting(schema))
      .map((given) =>
        encodeURIComponent(
          typeof given === 'string' ? Buffer.from(given, 'utf8').toString('utf8') : (JSON.stringify(given) ?? ''),
        ),
      );
    return value.map((text) => ({ name, where, text: text === '' && where === 'path' ? 'x' : text.slice(0, 700) }));
  });
  return fc.tuple(...values).map((chosen) => {
    const filled = chosen
      .filter(({ where }) => where === 'path')
      .reduce((text, { name, text: value }) => text.replace(`{${name}}`, () => value), path);
    const query = chosen.filter(({ where }) => where === 'query').map(({ name, text }) => `${name}=${text}`);
    return `${filled.replaceAll(/\{[^}]*\}/g, 'x')}${query.length === 0 ? '' : `?${query.join('&')}`}`;
  });
}

async function operations(): Promise<[method: string, path: string, operation: Operation][]> {
  const { paths } = (await get('/docs/json')).body as unknown as {
    paths: Record<string, Record<string, Operation>>;
  };
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): [string, string, Operation] => [method, path, operation]),
  );
}

describe('hostile requests', () => {
  it('are refused on every route with a clear error, and none of them is a fault', async () => {
    const all = await operations();
    expect(all.length).toBeGreaterThan(25);
    for (const [method, path, operation] of all) {
      const schema = operation.requestBody?.content['application/json']?.schema;
      const body = schema === undefined ? fc.constant(undefined) : nearlyFitting(schema);
      await fc.assert(
        fc.asyncProperty(address(path, operation), body, async (url, value) => {
          const answer = await fetch(target.url + url, {
            method: method.toUpperCase(),
            ...(value === undefined
              ? {}
              : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) }),
          });
          const text = await answer.text();
          expect([500, 501, 502]).not.toContain(answer.status);
          if (answer.status >= 400 && method !== 'head') {
            const { detail } = JSON.parse(text) as { detail: unknown };
            expect(typeof detail === 'string' || Array.isArray(detail)).toBe(true);
          }
        }),
        { numRuns: RUNS },
      );
    }
    noFaults();
    expect((await get('/health')).body).toMatchObject({ status: 'healthy', ledger_valid: true });
  });

  it('that are no JSON, too large, or too deep are refused by their form', async () => {
    const send = async (body: string, type = 'application/json'): Promise<number> => {
      const headers = { 'content-type': type };
      return (await fetch(`${target.url}/nodes/register`, { method: 'POST', headers, body })).status;
    };
    expect(await send('{')).toBe(422);
    expect(await send('['.repeat(100_000))).toBe(422);
    expect(await send(`${'['.repeat(100_000)}${']'.repeat(100_000)}`)).toBe(422);
    const fits = JSON.stringify(registration('key-b'));
    expect(await send(fits.replace('{', `{"more":${'['.repeat(100_000)}${']'.repeat(100_000)},`))).toBe(422);
    expect(await send('{"__proto__":{"a":1}}')).toBe(422);
    expect(await send('x'.repeat(5 * 1024 * 1024))).toBe(413);
    expect(await send('<a/>', 'text/xml')).toBe(415);
    expect((await fetch(`${target.url}/nodes/%zz`)).status).toBe(400);
    noFaults();
  });
});

describe.runIf(testEngine() === 'sqlite')('hostile messages', () => {
  const members = NodeMessage.anyOf.map((member) => ({
    type: String(member.properties.type.const),
    schema: JSON.parse(JSON.stringify(member)) as Schema,
  }));

  it.each(members)('of type $type end with an answer or a reason', async ({ schema }) => {
    await fc.assert(
      fc.asyncProperty(fc.array(nearlyFitting(schema), { minLength: 1, maxLength: 3 }), async (messages) => {
        const node = await WsNode.connect(target.url);
        await node.register();
        for (const message of messages) node.socket.send(JSON.stringify(message) ?? 'null');
        // A call behind them is answered unless one of them was refused; then the reason is clear.
        const answered = node.call({ type: 'heartbeat' }).catch(() => null);
        await Promise.race([answered, node.untilClosed()]);
        if (node.closed !== null) {
          expect([1009, 4400, 4401, 4403, 4409, 4429]).toContain(node.closed.code);
          expect(node.closed.reason.length).toBeGreaterThan(0);
        }
        node.drop();
      }),
      { numRuns: Math.ceil(RUNS / 3) },
    );
    noFaults();
  });

  it('of bytes end with a reason', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        const node = await WsNode.connect(target.url);
        node.socket.send(bytes);
        expect((await node.untilClosed()).code).toBe(4400);
      }),
      { numRuns: RUNS },
    );
    noFaults();
  });
});

describe('secrets', () => {
  it('of requests reach no log', async () => {
    const headers = { authorization: `Bearer ${secretToken}`, 'content-type': 'application/json' };
    for (const path of ['/nodes/register', '/inference/generate', '/nowhere']) {
      const body = JSON.stringify({ prompt: 'a private prompt', node_id: nodeId, model_id: 'x' });
      await fetch(target.url + path, { method: 'POST', headers, body });
    }
    const text = everything.join('\n');
    for (const secret of [secretToken, 'a private prompt']) expect(text).not.toContain(secret);
  });

  it('reach no log from any route, wherever in the request they stand', async () => {
    const secret = 'shibboleth-in-every-field';
    for (const [method, path, operation] of await operations()) {
      const schema = operation.requestBody?.content['application/json']?.schema;
      const names = Object.keys(schema?.properties ?? {});
      const body = JSON.stringify(Object.fromEntries(names.map((name) => [name, secret])));
      const filled = path.replaceAll(/\{[^}]*\}/g, secret);
      await fetch(`${target.url}${filled}?token=${secret}`, {
        method: method.toUpperCase(),
        headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
        ...(schema === undefined ? {} : { body }),
      });
    }
    const node = await WsNode.connect(target.url);
    for (const { properties } of NodeMessage.anyOf) {
      const fields = Object.keys(properties).map((name) => [name, secret]);
      const other = await WsNode.connect(target.url);
      other.send({ ...Object.fromEntries(fields), type: properties.type.const });
      await Promise.race([other.untilClosed(), node.call({ type: 'heartbeat' })]);
      other.drop();
    }
    node.drop();
    expect(everything.join('\n')).not.toContain(secret);
    noFaults();
  });
});

describe('every route with a body', () => {
  it('refuses one that is too large', async () => {
    const large = JSON.stringify({ filler: 'x'.repeat(5 * 1024 * 1024) });
    const headers = { 'content-type': 'application/json' };
    for (const [method, path, operation] of await operations()) {
      if (operation.requestBody === undefined) continue;
      const url = target.url + path.replaceAll(/\{[^}]*\}/g, 'x');
      const answer = await fetch(url, { method: method.toUpperCase(), headers, body: large });
      // Administrators alone are let in before a body is read at all.
      expect([401, 413], `${method} ${path}`).toContain(answer.status);
    }
    noFaults();
  });
});
