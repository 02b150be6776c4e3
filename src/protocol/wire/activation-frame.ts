import { failure, success, type Result } from '../result';
import {
  ACTIVATION_DTYPES,
  allFinite,
  decodePayload,
  encodePayload,
  payloadByteLength,
  type ActivationDtype,
} from './activation-coding';
import { WIRE_LIMITS } from './limits';

export type { ActivationDtype } from './activation-coding';

/**
 * What the step a frame belongs to is for. `sample`: the last shard answers with a token. `fill`: it only fills its
 * cache. `verify`: it samples at every row and keeps what agrees with the tokens it was told to expect. `replay`: the shard
 * fills its own cache and passes nothing on.
 */
export const STEP_PURPOSES = ['sample', 'fill', 'verify', 'replay'] as const;
export type StepPurpose = (typeof STEP_PURPOSES)[number];

/** Hidden states on their way to the next shard: `[positions, hiddenSize]`, row-major, little-endian. */
export interface ActivationFrame {
  /** UUID of the request. */
  readonly requestId: string;
  /** Index of the hop that shall process the frame; the first shard is hop 0 and receives token ids instead. */
  readonly hop: number;
  /** Number of the step, as the coordinator counted it; every hop hands it on. */
  readonly step: number;
  readonly purpose: StepPurpose;
  /** Position of the first row in the sequence. */
  readonly position: number;
  readonly positions: number;
  readonly hiddenSize: number;
  readonly dtype: ActivationDtype;
  readonly values: Float32Array;
}

/** The header alone: what a relay needs to check and route a frame without touching its payload. */
export type ActivationFrameHeader = Omit<ActivationFrame, 'values'>;

export type FrameErrorCode =
  | 'frame-too-short'
  | 'frame-too-large'
  | 'frame-not-tore'
  | 'frame-version'
  | 'frame-dtype'
  | 'frame-purpose'
  | 'frame-shape'
  | 'frame-length'
  | 'frame-values';

/*
 * Layout, little-endian, 40 bytes of header (a multiple of 8, so that the payload can be viewed in place):
 *  0  4 bytes  "TORE"          24  u16  hop          32  u32  positions
 *  4  u8       version = 1     26  u16  step         36  u32  hidden size
 *  5  u8       dtype index     28  u32  position
 *  6  u16      purpose index
 *  8  16 bytes request UUID
 */
export const FRAME_HEADER_BYTES = 40;
const MAGIC = 0x45524f54;
const VERSION = 1;
const UUID_PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Four words of eight digits. */
function writeUuid(view: DataView, offset: number, uuid: string): void {
  const digits = uuid.replaceAll('-', '');
  for (let word = 0; word < 16; word += 4) {
    view.setUint32(offset + word, Number.parseInt(digits.slice(word * 2, word * 2 + 8), 16));
  }
}

function readUuid(view: DataView, offset: number): string {
  const word = (at: number): string =>
    view
      .getUint32(offset + at)
      .toString(16)
      .padStart(8, '0');
  const [second, third] = [word(4), word(8)];
  return `${word(0)}-${second.slice(0, 4)}-${second.slice(4)}-${third.slice(0, 4)}-${third.slice(4)}${word(12)}`;
}

/** Bytes a frame of this shape takes. */
export function frameByteLength(positions: number, hiddenSize: number, dtype: ActivationDtype): number {
  return FRAME_HEADER_BYTES + payloadByteLength(positions, hiddenSize, dtype);
}

/**
 * Encodes hidden states for the wire.
 * @throws RangeError on a shape or id the format cannot carry; the caller built the frame, so that is a bug.
 */
export function encodeActivationFrame(frame: ActivationFrame): Uint8Array {
  const { positions, hiddenSize, dtype, values } = frame;
  const byteLength = frameByteLength(positions, hiddenSize, dtype);
  if (values.length !== positions * hiddenSize) throw new RangeError('activation length does not match its shape');
  if (byteLength > WIRE_LIMITS.maxFrameBytes)
    throw new RangeError(`activation frame of ${byteLength} bytes is too large`);
  if (!UUID_PATTERN.test(frame.requestId)) throw new RangeError('request id is not a UUID');
  const bytes = new Uint8Array(byteLength);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint8(4, VERSION);
  view.setUint8(5, ACTIVATION_DTYPES.indexOf(dtype));
  view.setUint16(6, STEP_PURPOSES.indexOf(frame.purpose), true);
  writeUuid(view, 8, frame.requestId);
  view.setUint16(24, frame.hop, true);
  view.setUint16(26, frame.step, true);
  view.setUint32(28, frame.position, true);
  view.setUint32(32, positions, true);
  view.setUint32(36, hiddenSize, true);
  encodePayload(values, hiddenSize, dtype, bytes.subarray(FRAME_HEADER_BYTES));
  return bytes;
}

/** Whether bytes begin as an activation frame does; nothing else that is sent over the same connections does. */
export function isActivationFrame(bytes: Uint8Array): boolean {
  return bytes.byteLength >= 4 && new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true) === MAGIC;
}

/** Reads and checks the header; the payload's length is checked, its values are not read. */
export function decodeFrameHeader(bytes: Uint8Array): Result<ActivationFrameHeader, FrameErrorCode> {
  if (bytes.byteLength < FRAME_HEADER_BYTES) {
    return failure(
      'frame-too-short',
      `The frame has ${bytes.byteLength} bytes; its header alone has ${FRAME_HEADER_BYTES}.`,
    );
  }
  if (bytes.byteLength > WIRE_LIMITS.maxFrameBytes) {
    return failure(
      'frame-too-large',
      `The frame has ${bytes.byteLength} bytes; the limit is ${WIRE_LIMITS.maxFrameBytes}.`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== MAGIC) return failure('frame-not-tore', 'The message is not an activation frame.');
  const version = view.getUint8(4);
  if (version !== VERSION)
    return failure('frame-version', `The frame has version ${version}; version ${VERSION} is known.`);
  const dtype = ACTIVATION_DTYPES[view.getUint8(5)];
  if (dtype === undefined) return failure('frame-dtype', `The frame has the unknown element type ${view.getUint8(5)}.`);
  const purpose = STEP_PURPOSES[view.getUint16(6, true)];
  if (purpose === undefined) return failure('frame-purpose', 'The frame is for an unknown purpose.');
  const hop = view.getUint16(24, true);
  const step = view.getUint16(26, true);
  const position = view.getUint32(28, true);
  const positions = view.getUint32(32, true);
  const hiddenSize = view.getUint32(36, true);
  const inRange =
    positions >= 1 &&
    positions <= WIRE_LIMITS.maxPositionsPerFrame &&
    hiddenSize >= 1 &&
    hiddenSize <= WIRE_LIMITS.maxHiddenSize &&
    position + positions <= WIRE_LIMITS.maxPosition &&
    hop < WIRE_LIMITS.maxHops;
  if (!inRange) {
    return failure(
      'frame-shape',
      `The frame's shape [${positions}, ${hiddenSize}] at position ${position}, hop ${hop}, is out of range.`,
    );
  }
  const expected = frameByteLength(positions, hiddenSize, dtype);
  if (bytes.byteLength !== expected) {
    return failure(
      'frame-length',
      `The frame has ${bytes.byteLength} bytes; its shape [${positions}, ${hiddenSize}] in ${dtype} needs ${expected}.`,
    );
  }
  return success({ requestId: readUuid(view, 8), hop, step, purpose, position, positions, hiddenSize, dtype });
}

/** Decodes a frame. Values that are not finite are refused: one of them would poison every later position. */
export function decodeActivationFrame(bytes: Uint8Array): Result<ActivationFrame, FrameErrorCode> {
  const header = decodeFrameHeader(bytes);
  if (!header.ok) return header;
  const { positions, hiddenSize, dtype } = header.value;
  const payload = bytes.subarray(FRAME_HEADER_BYTES);
  const values = decodePayload(payload, positions * hiddenSize, hiddenSize, dtype);
  if (!allFinite(values)) {
    const index = values.findIndex((value) => !Number.isFinite(value));
    return failure('frame-values', `The activation holds a value that is not finite at index ${index}.`);
  }
  return success({ ...header.value, values });
}

/** The same frame for another hop, purpose or request, with the payload untouched and unread. */
export function readdressFrame(
  bytes: Uint8Array,
  changes: {
    readonly hop: number;
    readonly step: number;
    readonly purpose: StepPurpose;
    readonly requestId: string;
  },
): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const view = new DataView(copy.buffer);
  view.setUint16(6, STEP_PURPOSES.indexOf(changes.purpose), true);
  writeUuid(view, 8, changes.requestId);
  view.setUint16(24, changes.hop, true);
  view.setUint16(26, changes.step, true);
  return copy;
}
