// Masks and sketches as files: written as PNG of 8 bits, so that every value arrives as it was painted.
// The canvas' own export would make masks colours, four times the work, and round colours by their
// alpha.

const CHUNK = 256 * 1024;
const STRIP_ROWS = 512;
const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
const BITS = 8;
const COLOUR_TYPES = { 1: 0, 4: 6 }; // planes -> grayscale, RGBA
const PLAIN = [0, 0, 0]; // compression, filter, interlace
const ALPHA = 3;

const crcs = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

function chunk(name, data) {
  const bytes = new Uint8Array(data.length + 12);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  bytes.set(
    [...name].map((letter) => letter.charCodeAt(0)),
    4,
  );
  bytes.set(data, 8);
  let crc = 0xffffffff;
  for (let at = 4; at < data.length + 8; at += 1) crc = crcs[(crc ^ bytes[at]) & 255] ^ (crc >>> 8);
  view.setUint32(data.length + 8, ~crc >>> 0);
  return bytes;
}

/** Rows with their filter byte (0, none), handed on in pieces so that the page stays alive. */
function rows({ width, height, planes }) {
  const across = width * planes.length + 1;
  const most = Math.max(1, Math.floor(CHUNK / across));
  let y = 0;
  return new ReadableStream({
    pull(controller) {
      const count = Math.min(most, height - y);
      const piece = new Uint8Array(count * across);
      for (let row = 0; row < count; row += 1, y += 1) {
        const line = piece.subarray(row * across + 1, (row + 1) * across);
        if (planes.length === 1) line.set(planes[0].subarray(y * width, (y + 1) * width));
        else interleave(line, planes, y * width);
      }
      controller.enqueue(piece);
      if (y === height) controller.close();
    },
  });
}

/** Pixels from `from` on, one after the other; what cannot be seen has no colour. */
function interleave(line, planes, from) {
  for (let to = 0, at = from; to < line.length; to += planes.length, at += 1) {
    if (planes[ALPHA][at] === 0) continue;
    for (let channel = 0; channel < planes.length; channel += 1) {
      line[to + channel] = planes[channel][at];
    }
  }
}

/** A mask ({width, height, data}: one byte a pixel), or a sketch ({width, height, planes}: red, green,
 * blue, alpha), as a PNG. */
export async function pngOf({ width, height, data = null, planes = [data] }) {
  const still = { width, height, planes: planes.map((one) => one.slice()) };
  const packed = await new Response(
    rows(still).pipeThrough(new CompressionStream("deflate")),
  ).arrayBuffer();
  const size = new DataView(new ArrayBuffer(8));
  size.setUint32(0, width);
  size.setUint32(4, height);
  const parts = [
    new Uint8Array(SIGNATURE),
    chunk("IHDR", [...new Uint8Array(size.buffer), BITS, COLOUR_TYPES[planes.length], ...PLAIN]),
    chunk("IDAT", new Uint8Array(packed)),
    chunk("IEND", []),
  ];
  return new Blob(parts, { type: "image/png" });
}

/** {width, height, data} of an opaque gray picture. */
export async function readMask(blob) {
  const { width, height, planes } = await readPlanes(blob, 1);
  return { width, height, data: planes[0] };
}

/** {width, height, planes} of an opaque picture: the first `count` of its red, green and blue. */
export async function readPlanes(blob, count) {
  const bitmap = await createImageBitmap(blob, {
    colorSpaceConversion: "none",
    premultiplyAlpha: "none",
  });
  const { width, height } = bitmap;
  const planes = Array.from({ length: count }, () => new Uint8Array(width * height));
  const canvas = new OffscreenCanvas(width, Math.min(height, STRIP_ROWS));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  for (let y = 0; y < height; y += STRIP_ROWS) {
    const down = Math.min(STRIP_ROWS, height - y);
    context.drawImage(bitmap, 0, y, width, down, 0, 0, width, down);
    const rgba = context.getImageData(0, 0, width, down).data;
    planes.forEach((plane, channel) => {
      for (let at = 0; at < width * down; at += 1) plane[y * width + at] = rgba[4 * at + channel];
    });
  }
  bitmap.close();
  return { width, height, planes };
}
