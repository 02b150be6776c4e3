// Which tests run on the packed app.

/** Whether this system's packed app is tested. */
export const packsForTests = process.platform === 'linux' && process.arch === 'x64';

/** Tests with this tag need what only an app that is not packed takes, such as injected readings. */
export const UNPACKED_ONLY = '@unpacked';
