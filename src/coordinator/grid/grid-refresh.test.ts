import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readConfig, type CoordinatorOptions } from '../config';
import { openTestDatabase } from '../testing/test-database';
import { readGeneration } from './entsoe';
import { GridRefresh, gridSourceOf, zonesOf } from './grid-refresh';
import { GridStates } from './grid-states';

const KEY = 'grid-secret';
const START_MS = Date.parse('2026-01-31T12:00:00Z');
const MINUTE_MS = 60_000;

/** A series as the transparency platform writes them. */
function series(type: string, points: readonly number[], more: { start?: string; side?: 'in' | 'out' } = {}): string {
  const { start = '2026-01-31T10:00Z', side = 'in' } = more;
  const listed = points.map(
    (quantity, index) => `<Point><position>${index + 1}</position><quantity>${quantity}</quantity></Point>`,
  );
  return `<TimeSeries><mRID>1</mRID><businessType>A01</businessType>
    <${side}BiddingZone_Domain.mRID codingScheme="A01">10Y1001A1001A82H</${side}BiddingZone_Domain.mRID>
    <quantity_Measure_Unit.name>MAW</quantity_Measure_Unit.name><curveType>A01</curveType>
    <MktPSRType><psrType>${type}</psrType></MktPSRType>
    <Period><timeInterval><start>${start}</start><end>2026-01-31T12:00Z</end></timeInterval>
    <resolution>PT60M</resolution>${listed.join('')}</Period></TimeSeries>`;
}
const document = (...parts: string[]): string =>
  `<?xml version="1.0" encoding="utf-8"?><GL_MarketDocument xmlns="urn:iec62325.351:tc57wg16:451-6:generationloaddocument:3:0"><type>A75</type>${parts.join('')}</GL_MarketDocument>`;

let server: Server;
let answer: (request: IncomingMessage, response: ServerResponse) => void;
const asked: { url: URL; token: string | undefined }[] = [];
let test: Awaited<ReturnType<typeof openTestDatabase>>;
let nowMs = START_MS;
const logged: string[] = [];

beforeEach(async () => {
  asked.length = 0;
  logged.length = 0;
  nowMs = START_MS;
  server = createServer((request, response) => {
    const token = request.headers['auth-token'];
    asked.push({ url: new URL(request.url ?? '', 'http://x'), token: typeof token === 'string' ? token : undefined });
    answer(request, response);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  test = await openTestDatabase();
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await test.close();
});

function open(options: CoordinatorOptions): { grid: GridStates; refresh: GridRefresh; told: () => number } {
  const gridBaseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api`;
  const config = readConfig({ gridKey: KEY, gridBaseUrl, ...options });
  if (!config.ok) throw new Error(config.error.message);
  const clock = { nowMs: () => nowMs };
  const grid = new GridStates(test.database, clock);
  let told = 0;
  const note = (facts: object, text: string): void => void logged.push(JSON.stringify(facts) + text);
  const logger = { debug: note, info: note, warn: note, error: note };
  const source = gridSourceOf(config.value, () => nowMs);
  const refresh = new GridRefresh(source, config.value, grid, logger, () => {
    told += 1;
  });
  return { grid, refresh, told: () => told };
}

async function round(refresh: GridRefresh, laterMs = 0): Promise<void> {
  nowMs += laterMs;
  refresh.tick(nowMs);
  await refresh.settled();
}

const entsoeOptions: CoordinatorOptions = { gridSource: 'entsoe', gridRegions: ['de=10Y1001A1001A82H'] };

describe('a grid read from ENTSO-E', () => {
  it('asks for generation by type and keeps what follows from it, with its age', async () => {
    answer = (_request, response) => response.end(document(series('B05', [300, 100]), series('B19', [0, 300])));
    const { grid, refresh, told } = open(entsoeOptions);
    const load = grid.find('DE')?.loadFactor;
    await round(refresh);
    const query = Object.fromEntries(asked[0]?.url.searchParams ?? []);
    expect(query).toEqual({
      securityToken: KEY,
      documentType: 'A75',
      processType: 'A16',
      in_Domain: '10Y1001A1001A82H',
      periodStart: '202601310000',
      periodEnd: '202601311200',
    });
    nowMs += 30 * MINUTE_MS;
    const state = grid.find('DE');
    if (state === undefined) throw new Error('the region is known');
    expect(state.carbonIntensity).toBeCloseTo((100 * 820 + 300 * 11) / 400 / 820);
    expect(grid.view(state)).toMatchObject({
      renewable_fraction: 0.75,
      load_factor: load,
      source: 'entsoe',
      updated_at: '2026-01-31T12:00:00.000Z',
      age_seconds: 1_800,
    });
    expect(told()).toBe(1);
    const other = new GridStates(test.database, { nowMs: () => nowMs });
    await other.load();
    expect(other.find('DE')).toEqual(state);
  });

  it('keeps what it knows when reading fails, and pauses longer each time', async () => {
    answer = (_request, response) => response.end(document(series('B19', [10])));
    const { grid, refresh } = open(entsoeOptions);
    await round(refresh);
    const known = grid.find('DE');
    answer = (_request, response) => response.writeHead(503).end();
    await round(refresh, 60 * MINUTE_MS);
    expect(asked).toHaveLength(2);
    await round(refresh, MINUTE_MS - 1);
    expect(asked).toHaveLength(2);
    await round(refresh, 1);
    expect(asked).toHaveLength(3);
    await round(refresh, 2 * MINUTE_MS - 1);
    expect(asked).toHaveLength(3);
    await round(refresh, 1);
    expect(asked).toHaveLength(4);
    expect(grid.find('DE')).toEqual(known);
    expect(logged.join('\n')).toContain('status 503');
    expect(logged.join('\n')).not.toContain(KEY);
  });

  it.each([
    ['a redirect', (response: ServerResponse) => response.writeHead(302, { location: '/elsewhere' }).end()],
    [
      'no data',
      (response: ServerResponse) =>
        response.end(
          '<Acknowledgement_MarketDocument><Reason><code>999</code></Reason></Acknowledgement_MarketDocument>',
        ),
    ],
    ['a declaration', (response: ServerResponse) => response.end(`<!DOCTYPE x [<!ENTITY a "b">]>${document()}`)],
    ['a flood', (response: ServerResponse) => response.end('x'.repeat(9 * 1024 * 1024))],
  ])('changes nothing on %s', async (_name, misbehave) => {
    answer = (_request, response) => void misbehave(response);
    const { grid, refresh, told } = open(entsoeOptions);
    const before = grid.find('DE');
    await round(refresh);
    expect(grid.find('DE')).toEqual(before);
    expect([told(), asked.length, logged.length]).toEqual([0, 1, 1]);
  });
});

describe('readGeneration', () => {
  it('takes the newest values, without pumped storage, consumption and types that fell silent', () => {
    const reading = readGeneration(
      document(
        series('B16', [500, 100]),
        series('B04', [0, 100]),
        series('B10', [0, 900]),
        series('B05', [900, 900], { side: 'out' }),
        series('B02', [900], { start: '2026-01-31T06:00Z' }),
      ),
    );
    expect(reading).toEqual({
      gramsPerKwh: (48 + 490) / 2,
      renewableFraction: 0.5,
      measuredAtMs: Date.parse('2026-01-31T12:00Z'),
    });
  });

  it.each(['', 'no xml', '<GL_MarketDocument>', document(), document(series('B16', [])), document('<TimeSeries>')])(
    'says that there is nothing in %j',
    (text) => {
      expect(readGeneration(text)).toMatchObject({ problem: expect.any(String) as string });
    },
  );
});

describe('a grid read from Electricity Maps', () => {
  const maps: CoordinatorOptions = { gridSource: 'electricity-maps', gridRegions: ['US-CA=US-CAL-CISO', 'XX'] };

  it('asks for intensity and mix of each zone, and goes on where one fails', async () => {
    answer = (request, response) => {
      const url = new URL(request.url ?? '', 'http://x');
      if (url.searchParams.get('zone') === 'XX') return void response.writeHead(404).end('{"error":"no such zone"}');
      const zone = { zone: 'US-CAL-CISO', datetime: '2026-01-31T11:00:00.000Z', updatedAt: '2026-01-31T11:40:00.000Z' };
      const body = url.pathname.includes('carbon-intensity')
        ? { ...zone, carbonIntensity: 205, emissionFactorType: 'lifecycle', isEstimated: false }
        : { ...zone, fossilFreePercentage: 70, renewablePercentage: 61, powerConsumptionTotal: 25_000 };
      return void response.end(JSON.stringify(body));
    };
    const { grid, refresh } = open(maps);
    await round(refresh);
    expect(asked.map(({ url, token }) => [url.pathname, url.search, token])).toEqual([
      ['/api/v3/carbon-intensity/latest', '?zone=US-CAL-CISO', KEY],
      ['/api/v3/power-breakdown/latest', '?zone=US-CAL-CISO', KEY],
      ['/api/v3/carbon-intensity/latest', '?zone=XX', KEY],
    ]);
    expect(grid.find('US-CA')).toMatchObject({
      carbonIntensity: 0.25,
      renewableFraction: 0.61,
      source: 'electricity-maps',
      updatedAt: '2026-01-31T11:00:00.000Z',
    });
    expect(grid.find('XX')).toBeUndefined();
  });

  it.each(['[]', '{}', 'x', '{"carbonIntensity":-1,"datetime":"2026-01-31T11:00:00Z","renewablePercentage":5}'])(
    'does not take %s for a reading',
    async (body) => {
      answer = (_request, response) => response.end(body);
      const { grid, refresh } = open(maps);
      const before = grid.find('US-CA');
      await round(refresh);
      expect(grid.find('US-CA')).toEqual(before);
      expect(logged.length).toBe(2);
    },
  );
});

describe('without a source', () => {
  it('asks nobody', async () => {
    const { refresh, grid } = open({ gridSource: 'static', gridRegions: ['DE'] });
    await round(refresh);
    const { refresh: keyless } = open({ ...entsoeOptions, gridKey: null });
    await round(keyless);
    expect(asked).toEqual([]);
    const state = grid.find('DE');
    expect(state === undefined ? null : grid.view(state)).toMatchObject({ source: 'static', age_seconds: null });
  });

  it('stops in the middle of reading', async () => {
    answer = () => undefined;
    const { refresh, grid } = open(entsoeOptions);
    const before = grid.find('DE');
    refresh.tick(nowMs);
    await refresh.stop();
    expect(grid.find('DE')).toEqual(before);
    await round(refresh);
    expect(logged).toEqual([]);
  });
});

describe('zonesOf', () => {
  it('reads pairs and single regions', () => {
    expect(zonesOf(['de=10Y', 'fr'])).toEqual([
      { region: 'DE', zone: '10Y' },
      { region: 'FR', zone: 'fr' },
    ]);
  });
});
