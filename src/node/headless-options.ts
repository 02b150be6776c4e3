import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { deviceName, KNOWN_PROVIDERS, MAX_DEVICE_ID, takesDeviceId } from '../inference';
import { DEFAULT_POLICY, HELD_PRECISIONS, type PolicyPreferences } from '../protocol/compute/run-preferences';
import { success, type Result } from '../protocol/result';
import { DEFAULT_ACTIVATION_SERVER, type NodePreferences } from './contributor-options';
import { nodeFailure, type NodeErrorCode } from './errors';
import type { LayerChoice } from './policy/policy-inputs';
import type { WorkDevice } from './policy/work-devices';
import type { RemotePreferences } from './remote/start-remote-host';
import { HUB_PREFIX, readHubName } from './shard/hub-model';

/** What the command line of `tore-node` asks for. */
export type HeadlessCommand =
  | { readonly kind: 'help' }
  | { readonly kind: 'version' }
  /** Make a key for the local endpoint and print it. */
  | { readonly kind: 'new-api-key'; readonly dataFolder: string; readonly name: string }
  | {
      readonly kind: 'run';
      readonly dataFolder: string;
      /** Port of the OpenAI-compatible endpoint on loopback; null: not offered. */
      readonly apiPort: number | null;
      /** Where paired apps may see and steer this node; null: nowhere. */
      readonly remote: RemotePreferences | null;
      /** State changes as JSON lines instead of sentences. */
      readonly json: boolean;
      readonly preferences: NodePreferences;
    };

const BYTES_PER_MIB = 1_048_576;
/** A program started on purpose works all the time; what it may use says its command line. */
export const HEADLESS_POLICY: PolicyPreferences = {
  ...DEFAULT_POLICY,
  batteryFloorPercent: null,
  pauseOnFullScreen: false,
  pauseOnMetered: false,
};
/** Below this not even the runtime itself fits. */
const MIN_MEMORY_MB = 64;

export const HEADLESS_HELP = `tore-node: share this computer with a tore cooperative, without a window.

Usage: tore-node --coordinator URL (--model ID | --model-folder FOLDER) [options]

  --coordinator URL       address of the coordinator
  --access-token TOKEN    its access token; better in the variable TORE_ACCESS_TOKEN, which other users cannot see
  --invitation CODE       invitation code, where only members may connect (also TORE_INVITATION)
  --model ID              model of the coordinator to serve; only the layers served are fetched, each verified
                          hub:OWNER/NAME fetches one from a hub, with @REVISION and #FILE.gguf where they matter
  --hub URL               that hub (default: https://huggingface.co); a token for it in TORE_HUB_TOKEN
  --model-folder FOLDER   model to serve (config.json, safetensors, tokenizer.json)
  --layers A-B            layers to serve, both included; "automatic" lets the coordinator choose (default)
  --precision P           fp32 (exact), int8 or int4: how weights are held; 8 bits take about a quarter of the memory, 4
                            bits a sixth. Default: as the coordinator suggests, which is as most nodes hold them
  --data-folder FOLDER    key, cached shards and figures (default: ~/.tore-node)
  --provider NAME         execution provider to run on (${KNOWN_PROVIDERS.join(', ')}); default: the fastest one,
                            as measured at the first start; the log names all of them with their speed or what is missing
  --device NAME=SIZE      a device to run on, several times: layers fill the first as far as they fit, then the next. NAME
                            is a provider, or one with the number of a card, such as cuda:1; SIZE is the memory to use,
                            such as 6GiB or 800MiB, and may be left out for cpu (then --memory-mb). Only these are
                            used; default: the detected cards and the processor. Goes without --provider
  --threads N             processor threads to use
  --memory-mb N           memory to use, in MiB (default: 60 % of what is free)
  --region CODE           where the computer roughly is, e.g. US-NY; not sent unless given
  --activation-host HOST  also listen for work over HTTP on this address (off by default; needed, and then on
  --activation-port PORT    127.0.0.1, only where the coordinator has no WebSocket)
  --direct-host HOST      take activations from the other nodes of a pipeline on this address, and send them theirs,
  --direct-port PORT        without the way over the coordinator (off by default). They learn this computer's address;
                            the port is open to who can reach it, though only the named neighbour is let in, and what
                            travels is encrypted
  --move-layers WHEN      always or never (default): whether the coordinator may later have this node hold other layers
                            than it first suggested, in the same memory; only with automatic layers
  --share-layers-host HOST  let other nodes read the layers held here on this address, each verified by them, so that
  --share-layers-port PORT    they need not come from the coordinator (off by default). Who may see the coordinator's list
  --share-layers-kbs N        of shards learns this computer's address; at most N kB/s for all readers (default: 1000)
  --api-port PORT         offer an OpenAI-compatible endpoint on 127.0.0.1 that spends this node's GFT
  --new-api-key NAME      make a key for that endpoint, print it and end
  --remote-control ADDR:PORT  let a paired app see this node's state and log, pause and resume it (off by default).
                            127.0.0.1:7450 for this computer, 0.0.0.0:7450 for the network; what travels is
                            encrypted, and only apps that were paired by the code shown here are let in
  --pair                  show a pairing code although an app is paired already
  --json                  one JSON line per change of state instead of a sentence
  --help, --version

Running it is your consent to the following.
  It uses processor, memory and network until you end it (Ctrl-C), also on battery power.
  The coordinator sees: this computer's network address, a key made for this purpose, processor and graphics card
  models, memory size, measured speed, the layers it serves and, if given, the region. It can tell that several keys are on
  one computer; another coordinator cannot tell that it is the same. It holds no name or account.
  Who holds the first layers can read the prompts of others, who holds the last ones their answers; the same is true
  of your prompts on their computers. Activations of the layers between leak some of both.
  It listens on no port unless one of --remote-control, --activation-…, --direct-… or --share-layers-… is given or the
  coordinator has no WebSocket.`;

function refuse(message: string): ReturnType<typeof nodeFailure> {
  return nodeFailure('input-invalid', message, { suggestion: 'Run tore-node --help.' });
}

function readWholeNumber(text: string, minimum: number, maximum: number): number | null {
  if (!/^\d{1,9}$/.test(text)) return null;
  const number = Number(text);
  return number >= minimum && number <= maximum ? number : null;
}

function readRemote(text: string, pair: boolean): RemotePreferences | null {
  const match = /^(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9.-]{1,253})):(\d{1,5})$/.exec(text);
  const port = readWholeNumber(match?.[3] ?? '', 0, 65_535);
  const host = match?.[1] ?? match?.[2];
  return host === undefined || port === null ? null : { host, port, pair };
}

/** @returns the devices, null where none is named, or what is wrong with one */
function readDevices(texts: readonly string[]): readonly WorkDevice[] | null | string {
  const devices: WorkDevice[] = [];
  for (const text of texts) {
    const match = /^([a-z]{1,20})(?::(\d{1,2}))?(?:=(\d{1,7}(?:\.\d{1,3})?)(MiB|GiB))?$/.exec(text);
    const [, provider = '', number, size, unit] = match ?? [];
    if (match === null)
      return `--device takes a device and its memory, as cuda:0=6GiB or cpu, not ${text.slice(0, 80)}.`;
    if (!KNOWN_PROVIDERS.some((known) => known === provider)) {
      return `--device takes one of ${KNOWN_PROVIDERS.join(', ')}, not ${provider}.`;
    }
    const deviceId = number === undefined ? undefined : Number(number);
    if (deviceId !== undefined && (!takesDeviceId(provider) || deviceId > MAX_DEVICE_ID)) {
      return `--device ${provider} takes no card of the number ${deviceId}.`;
    }
    if (size === undefined && provider !== 'cpu') return `--device ${text} lacks its memory, as ${text}=6GiB.`;
    const memoryMb = size === undefined ? null : Number(size) * (unit === 'GiB' ? 1_024 : 1);
    if (memoryMb !== null && memoryMb < MIN_MEMORY_MB) {
      return `--device takes at least ${MIN_MEMORY_MB}MiB of memory for each device.`;
    }
    const memoryBudgetBytes = memoryMb === null ? null : Math.floor(memoryMb * BYTES_PER_MIB);
    const device = { provider, ...(deviceId === undefined ? {} : { deviceId }), memoryBudgetBytes };
    // A card without a number is the first one.
    const isSame = (known: WorkDevice): boolean =>
      known.provider === provider && (known.deviceId ?? 0) === (deviceId ?? 0);
    if (devices.some(isSame)) return `--device names ${deviceName(device)} twice.`;
    devices.push(device);
  }
  return devices.length === 0 ? null : devices;
}

function readLayers(text: string): LayerChoice | null {
  if (text === 'automatic') return { kind: 'automatic' };
  const match = /^(\d{1,4})-(\d{1,4})$/.exec(text);
  if (match === null) return null;
  const [start, end] = [Number(match[1]), Number(match[2])];
  return start <= end ? { kind: 'range', start, end } : null;
}

/**
 * Reads the command line of `tore-node`.
 * @returns `input-invalid` with a message for the person when it makes no sense
 */
export function readHeadlessOptions(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Result<HeadlessCommand, NodeErrorCode> {
  let parsed;
  try {
    parsed = parseArgs({
      args: [...args],
      options: {
        coordinator: { type: 'string' },
        'access-token': { type: 'string' },
        invitation: { type: 'string' },
        'model-folder': { type: 'string' },
        model: { type: 'string' },
        hub: { type: 'string' },
        layers: { type: 'string', default: 'automatic' },
        'move-layers': { type: 'string', default: 'never' },
        'data-folder': { type: 'string' },
        precision: { type: 'string' },
        provider: { type: 'string' },
        device: { type: 'string', multiple: true },
        threads: { type: 'string' },
        'memory-mb': { type: 'string' },
        region: { type: 'string' },
        'activation-host': { type: 'string' },
        'activation-port': { type: 'string' },
        'direct-host': { type: 'string' },
        'direct-port': { type: 'string' },
        'share-layers-host': { type: 'string' },
        'share-layers-port': { type: 'string' },
        'share-layers-kbs': { type: 'string' },
        'api-port': { type: 'string' },
        'remote-control': { type: 'string' },
        pair: { type: 'boolean', default: false },
        'new-api-key': { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
        version: { type: 'boolean', default: false },
      },
    });
  } catch (thrown) {
    return refuse(thrown instanceof Error ? thrown.message : String(thrown));
  }
  const { values } = parsed;
  if (values.help) return success({ kind: 'help' });
  if (values.version) return success({ kind: 'version' });
  const dataFolder = resolve(values['data-folder'] ?? join(homedir(), '.tore-node'));
  const apiKeyName = values['new-api-key'];
  if (apiKeyName !== undefined) return success({ kind: 'new-api-key', dataFolder, name: apiKeyName });
  const { coordinator, 'model-folder': modelFolder } = values;
  if (coordinator === undefined) return refuse('The address of a coordinator is missing (--coordinator URL).');
  const { model } = values;
  if ((modelFolder === undefined) === (model === undefined)) {
    return refuse('Name what to serve: either --model ID, one of the coordinator’s, or --model-folder FOLDER.');
  }
  if (model?.startsWith(HUB_PREFIX) === true && readHubName(model) === null) {
    return refuse('A model of a hub is named hub:OWNER/NAME, with @REVISION and #FILE.gguf where they matter.');
  }
  if (values.hub !== undefined && !/^https?:\/\/\S+$/.test(values.hub)) return refuse('--hub takes an address.');
  const hubToken = environment['TORE_HUB_TOKEN'] ?? '';
  const layerChoice = readLayers(values.layers);
  if (layerChoice === null) return refuse('--layers takes a range such as 0-3, or automatic.');
  const moveConsent = values['move-layers'];
  if (moveConsent !== 'always' && moveConsent !== 'never') return refuse('--move-layers takes always or never.');
  if (moveConsent === 'always' && layerChoice.kind === 'range') {
    return refuse('--move-layers always goes with automatic layers; --layers names fixed ones.');
  }
  const precision = HELD_PRECISIONS.find((known) => known === values.precision) ?? null;
  if (values.precision !== undefined && precision === null) {
    return refuse(`--precision takes one of ${HELD_PRECISIONS.join(', ')}.`);
  }
  const provider = values.provider ?? null;
  if (provider !== null && !KNOWN_PROVIDERS.some((known) => known === provider)) {
    return refuse(`--provider takes one of ${KNOWN_PROVIDERS.join(', ')}.`);
  }
  const devices = readDevices(values.device ?? []);
  if (typeof devices === 'string') return refuse(devices);
  if (devices !== null && provider !== null) return refuse('--device and --provider exclude each other.');
  const cpuThreads = values.threads === undefined ? null : readWholeNumber(values.threads, 1, 1_024);
  if (values.threads !== undefined && cpuThreads === null) return refuse('--threads takes a number from 1 to 1024.');
  const memoryMb = values['memory-mb'];
  const memory = memoryMb === undefined ? null : readWholeNumber(memoryMb, MIN_MEMORY_MB, 16_777_216);
  if (memoryMb !== undefined && memory === null)
    return refuse(`--memory-mb takes a number of at least ${MIN_MEMORY_MB}.`);
  const portText = values['activation-port'];
  const port = portText === undefined ? DEFAULT_ACTIVATION_SERVER.port : readWholeNumber(portText, 0, 65_535);
  if (port === null) return refuse('--activation-port takes a number from 0 to 65535.');
  const apiPort = values['api-port'] === undefined ? null : readWholeNumber(values['api-port'], 0, 65_535);
  if (values['api-port'] !== undefined && apiPort === null) return refuse('--api-port takes a number from 0 to 65535.');
  const remote = values['remote-control'] === undefined ? null : readRemote(values['remote-control'], values.pair);
  if (values['remote-control'] !== undefined && remote === null) {
    return refuse('--remote-control takes an address and a port, as 127.0.0.1:7450 or 0.0.0.0:7450.');
  }
  if (values.pair && remote === null) return refuse('--pair goes with --remote-control.');
  const directPort = readWholeNumber(values['direct-port'] ?? '0', 0, 65_535);
  if (directPort === null) return refuse('--direct-port takes a number from 0 to 65535.');
  const layersPort = readWholeNumber(values['share-layers-port'] ?? '0', 0, 65_535);
  if (layersPort === null) return refuse('--share-layers-port takes a number from 0 to 65535.');
  const layersSpeed = readWholeNumber(values['share-layers-kbs'] ?? '1000', 1, 100_000_000);
  if (layersSpeed === null) return refuse('--share-layers-kbs takes a number of at least 1.');
  const sharesLayers = values['share-layers-host'] !== undefined || values['share-layers-port'] !== undefined;
  const isDirect = values['direct-host'] !== undefined || values['direct-port'] !== undefined;
  if (values.region !== undefined && !/^[A-Za-z0-9-]{1,40}$/.test(values.region)) {
    return refuse('--region takes a code such as DE or US-NY.');
  }
  const accessToken = values['access-token'] ?? environment['TORE_ACCESS_TOKEN'] ?? '';
  const invitation = (values.invitation ?? environment['TORE_INVITATION'] ?? '').trim();
  if (invitation !== '' && !/^[A-Za-z0-9-]{8,100}$/.test(invitation)) {
    return refuse('--invitation takes a code of letters, digits and dashes.');
  }
  return success({
    kind: 'run',
    dataFolder,
    apiPort,
    remote,
    json: values.json,
    preferences: {
      coordinatorUrl: coordinator,
      accessToken: accessToken === '' ? null : accessToken,
      invitation: invitation === '' ? null : invitation,
      modelFolder: modelFolder === undefined ? null : resolve(modelFolder),
      modelId: model ?? null,
      precision,
      provider,
      ...(devices === null ? {} : { devices }),
      ...(values.hub === undefined && hubToken === ''
        ? {}
        : { hub: { endpoint: values.hub, accessToken: hubToken === '' ? undefined : hubToken } }),
      policy: HEADLESS_POLICY,
      // A machine that runs this on purpose shall not stop because it is a laptop.
      pauseOnBattery: false,
      cpuThreads,
      memoryBudgetBytes: memory === null ? null : memory * BYTES_PER_MIB,
      layerChoice,
      moveConsent,
      region: values.region ?? null,
      activationServer: {
        ...DEFAULT_ACTIVATION_SERVER,
        enabled: values['activation-host'] !== undefined || portText !== undefined,
        host: values['activation-host'] ?? DEFAULT_ACTIVATION_SERVER.host,
        port,
      },
      directLinks: isDirect
        ? { host: values['direct-host'] ?? '0.0.0.0', port: directPort, announcedHost: null }
        : null,
      layerSharing: sharesLayers
        ? {
            host: values['share-layers-host'] ?? '0.0.0.0',
            port: layersPort,
            announcedHost: null,
            bytesPerSecond: layersSpeed * 1_000,
          }
        : null,
    },
  });
}
