import { expect, test } from 'vitest';
import { addCounts, countPlaywright, countVitest } from './test-counts.mjs';

const vitestReport = (changes) => ({ numPassedTests: 5, numFailedTests: 0, testResults: [], ...changes });
const playwrightReport = (stats, errors = []) => ({
  stats: { expected: 0, unexpected: 0, flaky: 0, skipped: 0, ...stats },
  errors,
});

test('counts what the reports say', () => {
  expect(countVitest(vitestReport({ numFailedTests: 2 }), 1)).toEqual({ passed: 5, failed: 2 });
  expect(countPlaywright(playwrightReport({ expected: 3, unexpected: 1 }), 1)).toEqual({ passed: 3, failed: 1 });
});

test('a runner that ran nothing is a failure', () => {
  expect(countVitest(vitestReport({ numPassedTests: 0 }), 0)).toEqual({ passed: 0, failed: 1 });
  expect(countPlaywright(playwrightReport({ skipped: 4 }), 0)).toEqual({ passed: 0, failed: 1 });
  expect(countVitest(undefined, 0)).toEqual({ passed: 0, failed: 1 });
  expect(countPlaywright(undefined, 0)).toEqual({ passed: 0, failed: 1 });
});

test('an error outside the tests is a failure', () => {
  expect(countVitest(vitestReport({}), 1)).toEqual({ passed: 5, failed: 1 });
  const brokenFile = { status: 'failed', assertionResults: [] };
  expect(countVitest(vitestReport({ testResults: [brokenFile] }), 1)).toEqual({ passed: 5, failed: 1 });
  expect(countPlaywright(playwrightReport({ expected: 2 }, [{ message: 'no config' }]), 1)).toEqual({
    passed: 2,
    failed: 1,
  });
});

test('a failed test in a failed file counts once', () => {
  const file = { status: 'failed', assertionResults: [{ status: 'failed' }, { status: 'passed' }] };
  expect(countVitest(vitestReport({ numFailedTests: 1, testResults: [file] }), 1)).toEqual({ passed: 5, failed: 1 });
});

test('adds parts', () => {
  expect(
    addCounts([
      { passed: 1, failed: 0 },
      { passed: 4, failed: 2 },
    ]),
  ).toEqual({ passed: 5, failed: 2 });
});
