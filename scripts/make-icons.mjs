// Draws the app's icons, all from the same three linked tiles, into resources/icons: `node scripts/make-icons.mjs`.
// The pixels depend on this file and icon-raster.mjs alone.
//
// app/<size>x<size>.png             the app
// tray-<state>-<panel>[-16|-32].png tray, for a light or a dark panel; without a number 22 px; each also as @2x
// tray-<state>Template.png          tray on macOS, which colours it itself; also as @2x
// mark.svg                          the mark alone
// documents/<kind>.{png,ico,icns}   files of the tore family, as Windows and macOS show them
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  circle,
  createCanvas,
  encodePng,
  fill,
  outline,
  roundedRectangle,
  segment,
  union,
  without,
} from './icon-raster.mjs';
import { projectDirectory } from './run-process.mjs';

const directory = join(projectDirectory, 'resources', 'icons');

const paper = [0xfa, 0xf8, 0xf4];
const turquoise = [0x4c, 0xc7, 0xc1];
const cobaltTop = [0x2a, 0x62, 0xbf];
const cobaltBottom = [0x17, 0x41, 0x8a];

/** Ink on a light panel, light ink on a dark one, black for the system to colour; the dot has the attention colour. */
const panels = {
  light: { ink: [0x1e, 0x21, 0x25], dot: [0xb8, 0x40, 0x2f] },
  dark: { ink: [0xec, 0xe9, 0xe3], dot: [0xff, 0x94, 0x83] },
  template: { ink: [0, 0, 0], dot: [0, 0, 0] },
};

const appSizes = [16, 24, 32, 48, 64, 128, 256, 512, 1024];

/**
 * Whole pixels at every tray size, so that edges are sharp: left edges of the three tiles, their width, top and height,
 * thickness of the links and of outlines.
 */
const trayGrids = {
  16: { tiles: [0, 6, 12], width: 4, top: 3, height: 10, link: 2, stroke: 1, radius: 1 },
  22: { tiles: [0, 8, 16], width: 6, top: 4, height: 14, link: 2, stroke: 2, radius: 1.5 },
  32: { tiles: [1, 12, 23], width: 8, top: 6, height: 20, link: 4, stroke: 2, radius: 2 },
};
const defaultTraySize = 22;

function scaled(grid, scale) {
  return Object.fromEntries(
    Object.entries(grid).map(([key, value]) => [
      key,
      Array.isArray(value) ? value.map((entry) => entry * scale) : value * scale,
    ]),
  );
}

function tile(grid, index) {
  return roundedRectangle(grid.tiles[index], grid.top, grid.width, grid.height, grid.radius);
}

/** The bar between a tile and its right neighbour. */
function link(grid, index) {
  const left = grid.tiles[index] + grid.width;
  const middle = grid.top + grid.height / 2;
  return roundedRectangle(left, middle - grid.link / 2, grid.tiles[index + 1] - left, grid.link, 0);
}

const everyTile = [0, 1, 2];
const everyLink = [0, 1];

function filledRow(grid) {
  return union(...everyTile.map((index) => tile(grid, index)), ...everyLink.map((index) => link(grid, index)));
}

function outlinedRow(grid, tiles) {
  return union(
    ...tiles.map((index) => outline(tile(grid, index), grid.stroke)),
    ...everyLink.map((index) => link(grid, index)),
  );
}

/** Each state has a shape of its own, so that no colour is needed to tell them apart. */
const trayStates = {
  working: (grid) => ({ row: filledRow(grid) }),
  paused: (grid) => ({ row: outlinedRow(grid, everyTile) }),
  snoozed: (grid) => ({ row: outlinedRow(grid, [0, 2]) }),
  offline: (grid, size) => {
    const inset = size / 11;
    const ends = [inset, size - inset, size - inset, inset];
    const strike = segment(...ends, size / 11);
    return { row: union(without(filledRow(grid), segment(...ends, size / 3.4)), strike) };
  },
  attention: (grid, size) => {
    const at = [size * 0.8, size * 0.22];
    return { row: without(filledRow(grid), circle(...at, size * 0.29)), dot: circle(...at, size * 0.2) };
  },
};

function drawTray(state, size, scale, { ink, dot: dotColour }) {
  const pixels = size * scale;
  const canvas = createCanvas(pixels, pixels);
  const { row, dot } = trayStates[state](scaled(trayGrids[size], scale), pixels);
  fill(canvas, row, ink);
  if (dot) {
    fill(canvas, dot, dotColour);
  }
  return encodePng(canvas);
}

/** The app's icon on a square of 1024: a cobalt tile with the row on it, the tile in the middle turquoise. */
function drawApp(size) {
  // Up to this size edges lie on whole pixels, and even lengths keep the row in the middle.
  const sharp = size <= 64;
  const whole = (value) => (sharp ? Math.round(value) : value);
  const even = (value) => (sharp ? Math.max(2, 2 * Math.floor(value / 2)) : value);
  // Small icons have no pixel to spare for a margin.
  const margin = size <= 32 ? 0 : whole((size * 48) / 1024);
  const side = size - 2 * margin;
  const canvas = createCanvas(size, size);
  fill(canvas, roundedRectangle(margin, margin, side, side, side * 0.22), (height) =>
    cobaltTop.map((value, channel) => value + (cobaltBottom[channel] - value) * height),
  );
  const width = even(side * 0.2);
  const gap = Math.max(2, whole(side * 0.075));
  const left = (size - 3 * width - 2 * gap) / 2;
  const height = even(side * 0.42);
  const grid = {
    tiles: everyTile.map((index) => left + index * (width + gap)),
    width,
    top: (size - height) / 2,
    height,
    link: even(side * 0.08),
    radius: width * 0.24,
  };
  everyLink.forEach((index) => fill(canvas, link(grid, index), paper));
  everyTile.forEach((index) => fill(canvas, tile(grid, index), index === 1 ? turquoise : paper));
  return encodePng(canvas);
}

/** One letter or two would need a font: documents are told apart by the pattern of their tiles. */
const documentKinds = {
  conversation: [0, 1, 2],
  project: [0, 1],
  session: [0, 2],
  trust: [1],
};

/** A sheet of paper with a folded corner and the row of tiles; the tiles a kind has are filled, the others outlined. */
function drawDocument(size, filled) {
  const canvas = createCanvas(size, size);
  const [left, top] = [size * 0.16, size * 0.06];
  const [width, height] = [size * 0.68, size * 0.88];
  const fold = size * 0.2;
  const sheet = roundedRectangle(left, top, width, height, size * 0.06);
  // The diagonal from the top edge to the right edge cuts the corner off.
  const corner = segment(left + width - fold / 2, top - fold / 2, left + width + fold / 2, top + fold / 2, fold);
  fill(canvas, sheet, [0xc9, 0xc2, 0xb4]);
  const inset = Math.max(1, size / 64);
  fill(
    canvas,
    without(roundedRectangle(left + inset, top + inset, width - 2 * inset, height - 2 * inset, size * 0.05), corner),
    [0xff, 0xff, 0xff],
  );
  const tileWidth = size * 0.15;
  const gap = size * 0.045;
  const start = (size - 3 * tileWidth - 2 * gap) / 2;
  const grid = {
    tiles: everyTile.map((index) => start + index * (tileWidth + gap)),
    width: tileWidth,
    top: size * 0.42,
    height: size * 0.3,
    link: size * 0.05,
    radius: tileWidth * 0.24,
  };
  everyLink.forEach((index) => fill(canvas, link(grid, index), cobaltTop));
  everyTile.forEach((index) => {
    const shape = tile(grid, index);
    fill(canvas, filled.includes(index) ? shape : outline(shape, Math.max(1, size / 48)), cobaltTop);
  });
  return encodePng(canvas);
}

/** Windows' container of icons, each a PNG as since Vista. */
function encodeIco(images) {
  const head = Buffer.alloc(6 + 16 * images.length);
  head.writeUInt16LE(1, 2);
  head.writeUInt16LE(images.length, 4);
  let offset = head.length;
  images.forEach(({ size, png }, index) => {
    const at = 6 + 16 * index;
    // 0 stands for 256.
    head.writeUInt8(size % 256, at);
    head.writeUInt8(size % 256, at + 1);
    head.writeUInt16LE(1, at + 4);
    head.writeUInt16LE(32, at + 6);
    head.writeUInt32LE(png.length, at + 8);
    head.writeUInt32LE(offset, at + 12);
    offset += png.length;
  });
  return Buffer.concat([head, ...images.map(({ png }) => png)]);
}

/** Apple's container: a name of four letters for each size. */
const icnsNames = { 128: 'ic07', 256: 'ic08', 512: 'ic09', 1024: 'ic10' };

function encodeIcns(images) {
  const parts = images.flatMap(({ size, png }) => {
    const head = Buffer.alloc(8);
    head.write(icnsNames[size], 0, 'latin1');
    head.writeUInt32BE(png.length + 8, 4);
    return [head, png];
  });
  const head = Buffer.alloc(8);
  head.write('icns', 0, 'latin1');
  head.writeUInt32BE(8 + parts.reduce((sum, part) => sum + part.length, 0), 4);
  return Buffer.concat([head, ...parts]);
}

/** The mark in the current text colour, for documents and pages. */
function markSvg() {
  const grid = { tiles: [1, 9, 17], width: 6, top: 5, height: 14, link: 2, radius: 1.5 };
  const middle = grid.top + grid.height / 2;
  const tiles = grid.tiles.map(
    (x) => `  <rect x="${x}" y="${grid.top}" width="${grid.width}" height="${grid.height}" rx="${grid.radius}"/>`,
  );
  const links = grid.tiles
    .slice(0, 2)
    .map((x) => `  <rect x="${x + grid.width}" y="${middle - 1}" width="2" height="${grid.link}"/>`);
  return [
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="currentColor" role="img" aria-label="Tore">',
    ...tiles,
    ...links,
    '</svg>',
    '',
  ].join('\n');
}

rmSync(directory, { recursive: true, force: true });
mkdirSync(join(directory, 'app'), { recursive: true });
const write = (name, content) => writeFileSync(join(directory, name), content);

write('mark.svg', markSvg());
for (const size of appSizes) {
  write(`app/${size}x${size}.png`, drawApp(size));
}
mkdirSync(join(directory, 'documents'));
for (const [kind, filled] of Object.entries(documentKinds)) {
  const images = (sizes) => sizes.map((size) => ({ size, png: drawDocument(size, filled) }));
  write(`documents/${kind}.png`, drawDocument(256, filled));
  write(`documents/${kind}.ico`, encodeIco(images([16, 24, 32, 48, 64, 256])));
  write(`documents/${kind}.icns`, encodeIcns(images(Object.keys(icnsNames).map(Number))));
}
for (const state of Object.keys(trayStates)) {
  for (const scale of [1, 2]) {
    const suffix = scale === 1 ? '' : `@${scale}x`;
    for (const size of Object.keys(trayGrids).map(Number)) {
      const sizeSuffix = size === defaultTraySize ? '' : `-${size}`;
      for (const panel of ['light', 'dark']) {
        write(`tray-${state}-${panel}${sizeSuffix}${suffix}.png`, drawTray(state, size, scale, panels[panel]));
      }
    }
    write(`tray-${state}Template${suffix}.png`, drawTray(state, defaultTraySize, scale, panels.template));
  }
}
