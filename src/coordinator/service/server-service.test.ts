import { request } from 'node:https';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createCoordinator } from '../coordinator';
import { callAt, get, registerNode } from '../testing/foreign-client';
import { startTestCoordinator, type TestCoordinator } from '../testing/start-coordinator';

let target: TestCoordinator | null = null;
afterEach(async () => {
  await target?.coordinator.stop();
  target = null;
});

describe('metrics', () => {
  it('are for this machine and for bearers of their token', async () => {
    target = await startTestCoordinator({ metrics: true, metricsToken: 'the-metrics-token' });
    callAt(target.url);
    await registerNode('key-a');
    const local = await fetch(`${target.url}/metrics`);
    expect(local.status).toBe(200);
    const text = await local.text();
    expect(text).toContain('tore_ledger_entries 1\n');
    expect(text).toMatch(/tore_http_seconds_count\{method="POST",route="\/nodes\/register",status="201"\} 1\n/);
    const forwarded = { 'x-forwarded-for': '203.0.113.9' };
    expect((await fetch(`${target.url}/metrics`, { headers: forwarded })).status).toBe(403);
    const bearer = { ...forwarded, authorization: 'Bearer the-metrics-token' };
    expect((await fetch(`${target.url}/metrics`, { headers: bearer })).status).toBe(200);
  });

  it('are off unless asked for', async () => {
    target = await startTestCoordinator();
    callAt(target.url);
    expect((await get('/metrics')).status).toBe(404);
  });
});

describe('the description of the API', () => {
  it('is made of the schemas requests are checked with, and loads nothing from elsewhere', async () => {
    target = await startTestCoordinator({ apiPage: true });
    callAt(target.url);
    const document = (await get('/docs/json')).body as unknown as {
      paths: Record<string, { post?: { requestBody?: unknown }; get?: unknown }>;
    };
    expect(JSON.stringify(document.paths['/nodes/register']?.post?.requestBody)).toContain('hardware_profile');
    expect(document.paths['/nodes/{id}']?.get).toBeDefined();
    const page = await fetch(`${target.url}/docs`);
    expect(page.status).toBe(200);
    const sources = [...(await page.text()).matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] ?? '');
    expect(sources.length).toBeGreaterThan(0);
    for (const source of sources) expect(source).not.toMatch(/^(?:https?:)?\/\//);
    expect(page.headers.get('content-security-policy')).toContain("default-src 'self'");
  });
});

describe('TLS', () => {
  const file = (name: string): string => join(import.meta.dirname, 'testdata', name);

  it('serves the same API with its own certificate', async () => {
    target = await startTestCoordinator({
      tlsCertificateFile: file('localhost.cert.pem'),
      tlsKeyFile: file('localhost.key.pem'),
    });
    expect(target.url).toMatch(/^https:/);
    const status = await new Promise<number | undefined>((settle, fail) => {
      const ca = readFileSync(file('localhost.cert.pem'));
      request(`${target?.url}/health`, { ca }, (response) => {
        response.resume();
        settle(response.statusCode);
      })
        .on('error', fail)
        .end();
    });
    expect(status).toBe(200);
    expect(target.coordinator.renewCertificate()).toEqual({ ok: true, value: undefined });
  });

  it('does not start with a key of another certificate', async () => {
    const coordinator = createCoordinator({
      databaseFile: ':memory:',
      tlsCertificateFile: file('localhost.cert.pem'),
      tlsKeyFile: file('other.key.pem'),
    });
    expect(await coordinator.start()).toMatchObject({ ok: false, error: { code: 'tls-invalid' } });
  });
});
