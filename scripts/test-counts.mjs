/**
 * Passed and failed tests of one runner. A runner that ran nothing, wrote no report, or ended with an error its report
 * does not show counts as one failure, so that a broken set-up is never green.
 * @typedef {{ passed: number, failed: number }} Counts
 */

/** @returns {Counts} */
function settle(passed, failed, exitCode) {
  const unexplained = failed === 0 && (passed === 0 || exitCode !== 0);
  return { passed, failed: unexplained ? 1 : failed };
}

/**
 * Reads vitest's json report.
 * @param {any} report parsed report, undefined when there is none
 * @returns {Counts}
 */
export function countVitest(report, exitCode) {
  if (report === undefined) {
    return { passed: 0, failed: 1 };
  }
  // A file that cannot be loaded has no tests to fail; it counts as one failure of its own.
  const brokenFiles = (report.testResults ?? []).filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  ).length;
  return settle(report.numPassedTests, report.numFailedTests + brokenFiles, exitCode);
}

/**
 * Reads Playwright's json report.
 * @param {any} report parsed report, undefined when there is none
 * @returns {Counts}
 */
export function countPlaywright(report, exitCode) {
  if (report === undefined) {
    return { passed: 0, failed: 1 };
  }
  // Retries are off, so a flaky test cannot occur; if it did, it would be a failure.
  const { expected, unexpected, flaky } = report.stats;
  return settle(expected, unexpected + flaky + (report.errors ?? []).length, exitCode);
}

/**
 * @param {Counts[]} parts
 * @returns {Counts}
 */
export function addCounts(parts) {
  return parts.reduce((sum, part) => ({ passed: sum.passed + part.passed, failed: sum.failed + part.failed }), {
    passed: 0,
    failed: 0,
  });
}
