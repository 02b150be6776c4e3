// A small drawing surface: shapes as signed distances, anti-aliased by how far a pixel's centre lies inside, and a PNG
// encoder. Enough for icons, and the same pixels on every computer.
import { deflateSync } from 'node:zlib';

/**
 * Signed distance in pixels from a point to a shape's edge, negative inside.
 * @typedef {(x: number, y: number) => number} Shape
 * @typedef {[red: number, green: number, blue: number]} Colour
 * @typedef {{ width: number, height: number, pixels: Float64Array }} Canvas RGBA, 0-1, not premultiplied
 */

/** @returns {Shape} */
export function roundedRectangle(left, top, width, height, radius) {
  const centreX = left + width / 2;
  const centreY = top + height / 2;
  return (x, y) => {
    const dx = Math.abs(x - centreX) - width / 2 + radius;
    const dy = Math.abs(y - centreY) - height / 2 + radius;
    return Math.min(Math.max(dx, dy), 0) + Math.hypot(Math.max(dx, 0), Math.max(dy, 0)) - radius;
  };
}

/** @returns {Shape} */
export function circle(centreX, centreY, radius) {
  return (x, y) => Math.hypot(x - centreX, y - centreY) - radius;
}

/** A line with round ends. @returns {Shape} */
export function segment(fromX, fromY, toX, toY, thickness) {
  const dx = toX - fromX;
  const dy = toY - fromY;
  const lengthSquared = dx * dx + dy * dy;
  return (x, y) => {
    const along = Math.min(1, Math.max(0, ((x - fromX) * dx + (y - fromY) * dy) / lengthSquared));
    return Math.hypot(x - fromX - along * dx, y - fromY - along * dy) - thickness / 2;
  };
}

/** The inner rim of a shape, `thickness` pixels wide. @returns {Shape} */
export function outline(shape, thickness) {
  return (x, y) => Math.max(shape(x, y), -thickness - shape(x, y));
}

/** @returns {Shape} */
export function union(...shapes) {
  return (x, y) => Math.min(...shapes.map((shape) => shape(x, y)));
}

/** What of `shape` lies outside `hole`. @returns {Shape} */
export function without(shape, hole) {
  return (x, y) => Math.max(shape(x, y), -hole(x, y));
}

/** A fully transparent surface. @returns {Canvas} */
export function createCanvas(width, height) {
  return { width, height, pixels: new Float64Array(width * height * 4) };
}

/**
 * Paints a shape over what is there. `colourAt` may depend on the height (0 at the top, 1 at the bottom).
 * @param {Canvas} canvas
 * @param {Shape} shape
 * @param {Colour | ((height: number) => Colour)} colour
 */
export function fill(canvas, shape, colour) {
  const { width, height, pixels } = canvas;
  for (let y = 0; y < height; y += 1) {
    const [red, green, blue] = typeof colour === 'function' ? colour((y + 0.5) / height) : colour;
    for (let x = 0; x < width; x += 1) {
      const coverage = Math.min(1, Math.max(0, 0.5 - shape(x + 0.5, y + 0.5)));
      if (coverage === 0) {
        continue;
      }
      const at = (y * width + x) * 4;
      const below = pixels[at + 3] * (1 - coverage);
      const alpha = coverage + below;
      [red, green, blue].forEach((value, channel) => {
        pixels[at + channel] = ((value / 255) * coverage + pixels[at + channel] * below) / alpha;
      });
      pixels[at + 3] = alpha;
    }
  }
}

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) {
    value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  }
  return value;
});

function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc = crcTable[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length, 0);
  body.copy(framed, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return framed;
}

/** Encodes as PNG, 8 bits a channel with alpha. @param {Canvas} canvas */
export function encodePng({ width, height, pixels }) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  // Bit depth 8, colour type 6 (RGBA); compression, filter and interlace methods have the value 0.
  header.set([8, 6, 0, 0, 0], 8);
  const stride = width * 4 + 1;
  const rows = Buffer.alloc(stride * height);
  for (let y = 0; y < height; y += 1) {
    for (let index = 0; index < width * 4; index += 1) {
      rows[y * stride + 1 + index] = Math.round(pixels[y * width * 4 + index] * 255);
    }
  }
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows, { level: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}
