/**
 * Limits on what an import may claim. An export is a file from anywhere: each limit bounds the memory, the disk or the
 * time it can cost, and none is near what products really write.
 */
export const IMPORT_LIMITS = {
  /** Bytes of one record of a list, which is one conversation. The largest seen in public reports has 18 MB. */
  maxRecordBytes: 67_108_864,
  /** Bytes of a file that is one JSON object, as every tore document is. The same as the limit of those. */
  maxObjectBytes: 268_435_456,
  /** Bytes of a Markdown file; it becomes one conversation and is held in memory. */
  maxTextBytes: 33_554_432,
  /** Arrays and objects inside each other. Tool arguments are the deepest thing seen in real exports, below 40. */
  maxDepth: 200,
  /** The same in JSON written as a text, such as arguments of tools; what nests deeper stays the text. */
  maxArgumentDepth: 100,
  /** Entries of an archive or files of a folder. An export of ten years with an image a day has under 10,000. */
  maxEntries: 200_000,
  /** Bytes of an archive's contents together, after unpacking. */
  maxUnpackedBytes: 68_719_476_736,
  /**
   * How much larger the contents may be than the archive. JSON of real conversations packs to a tenth or a twentieth;
   * a bomb of zeros reaches 1,032, the most that deflate can do.
   */
  maxUnpackRatio: 200,
  /** Contents smaller than this harm nobody, whatever their ratio. */
  ratioFreeBytes: 67_108_864,
  /** Bytes of one attached file. Longer ones are named in the report and left out. */
  maxAssetBytes: 4_294_967_296,
  /** Levels of folders inside a folder that was dropped. */
  maxFolderDepth: 32,
  /** Bytes looked at to tell a text from a binary file. */
  sniffBytes: 4_096,
  /** Entries named in the report for each outcome; more are only counted. */
  maxReportEntries: 1_000,
  /** Messages of one conversation. The documents' own limit is the same. */
  maxMessages: 1_000_000,
} as const;
