/** Prints one plain line that says which script speaks and what happened. */
export function say(topic, line) {
  console.log(`${topic}: ${line}`);
}

/**
 * An expected failure of a script: the user reads its message, not a stack trace.
 * Anything else that is thrown is a bug and keeps its trace.
 */
export class ScriptError extends Error {}

/** Runs a script's main function, prints an expected failure as one line and ends the process with its exit code. */
export async function runScript(topic, main) {
  try {
    process.exitCode = (await main()) ?? 0;
  } catch (error) {
    if (error instanceof ScriptError) {
      console.error(`${topic}: ${error.message}`);
    } else {
      console.error(error);
    }
    process.exitCode = 1;
  }
}

/** The first line of an error with the reason Node keeps in `cause`, e.g. `fetch failed (ENOTFOUND)`. */
export function describeError(error) {
  const message = String(error?.message ?? error).split('\n')[0];
  const cause = error?.cause?.code ?? error?.cause?.message;
  return cause ? `${message} (${cause})` : message;
}
