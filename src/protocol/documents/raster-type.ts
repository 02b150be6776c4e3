/** Bytes needed to tell a picture's type. */
export const RASTER_HEAD_BYTES = 32;

const TYPES: readonly { readonly type: string; readonly marks: readonly (readonly [number, string])[] }[] = [
  { type: 'image/png', marks: [[0, '\u0089PNG\r\n\u001a\n']] },
  { type: 'image/jpeg', marks: [[0, '\u00ff\u00d8\u00ff']] },
  { type: 'image/gif', marks: [[0, 'GIF87a']] },
  { type: 'image/gif', marks: [[0, 'GIF89a']] },
  {
    type: 'image/webp',
    marks: [
      [0, 'RIFF'],
      [8, 'WEBP'],
    ],
  },
  { type: 'image/bmp', marks: [[0, 'BM']] },
  { type: 'image/avif', marks: [[4, 'ftypavif']] },
];

/**
 * The type of a picture made of pixels, by its first bytes; null for everything else. What a document calls itself counts
 * for nothing: an SVG or a page named `.png` is not shown as a picture.
 */
export function rasterTypeOf(head: Uint8Array): string | null {
  const text = String.fromCharCode(...head.subarray(0, RASTER_HEAD_BYTES));
  return TYPES.find(({ marks }) => marks.every(([at, mark]) => text.startsWith(mark, at)))?.type ?? null;
}
