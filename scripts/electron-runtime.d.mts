export interface ElectronRuntime {
  /** Absolute path of the Electron executable. */
  executable: string;
  /** Folder that holds the executable and its resources. */
  directory: string;
  /** Electron version, e.g. `45.4.1`. */
  version: string;
  source: 'official' | 'fallback';
}

export interface EnsureElectronOptions {
  /** Forget an earlier failed download and try the official binary again. */
  retry?: boolean;
  /** Print nothing when the runtime is already there. */
  quiet?: boolean;
}

export function ensureElectron(options?: EnsureElectronOptions): Promise<ElectronRuntime>;

/** Variables that make the `electron` package and electron-vite use the given runtime. */
export function electronEnvironment(runtime: ElectronRuntime): Record<string, string>;
