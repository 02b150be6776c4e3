import { crc32, deflateRawSync } from 'node:zlib';

/** An entry of an archive, as the test wants it to be, true or not. */
export interface RawEntry {
  readonly name: string;
  readonly content: Buffer | string;
  /** Size the directory claims, when it is to lie. */
  readonly claimedBytes?: number;
  /** Unix mode, for links. */
  readonly mode?: number;
  readonly isEncrypted?: boolean;
  /** Checksum the directory claims, when it is to lie. */
  readonly claimedChecksum?: number;
  /** The directory points to the first entry's data, and this one's is left out. */
  readonly isShared?: boolean;
}

const LOCAL_BYTES = 30;
const UNIX = 3 << 8;

/** Writes a zip archive byte by byte (APPNOTE 4.3), so that tests can make archives no honest tool would. */
export function zipBytes(entries: readonly RawEntry[]): Buffer {
  const files: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const entry of entries) {
    const name = Buffer.from(entry.name);
    const content = Buffer.from(entry.content);
    const packed = deflateRawSync(content);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(0x800 | (entry.isEncrypted === true ? 1 : 0), 2);
    common.writeUInt16LE(8, 4);
    common.writeUInt32LE(entry.claimedChecksum ?? crc32(content), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(entry.claimedBytes ?? content.length, 18);
    common.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([Buffer.from('PK\u0003\u0004', 'latin1'), common, name, packed]);
    const central = Buffer.alloc(46);
    central.write('PK\u0001\u0002', 0, 'latin1');
    central.writeUInt16LE(UNIX | 20, 4);
    common.copy(central, 6);
    central.writeUInt32LE(((entry.mode ?? 0o100644) << 16) >>> 0, 38);
    central.writeUInt32LE(entry.isShared === true ? 0 : offset, 42);
    directory.push(central, name);
    if (entry.isShared === true) continue;
    files.push(local);
    offset += LOCAL_BYTES + name.length + packed.length;
  }
  const directoryBytes = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\u0005\u0006', 0, 'latin1');
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(directoryBytes.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...files, directoryBytes, end]);
}
