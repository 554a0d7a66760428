// Masks as files: written as 8-bit grayscale PNG, so that every value arrives as it was painted.
// The canvas' own export would make them colours with an alpha, four times the work.

const CHUNK = 256 * 1024;
const STRIP_ROWS = 512;
const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
const GRAYSCALE = [8, 0, 0, 0, 0]; // bits, colour type, compression, filter, interlace

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
function rows({ width, height, data }) {
  const most = Math.max(1, Math.floor(CHUNK / (width + 1)));
  let y = 0;
  return new ReadableStream({
    pull(controller) {
      const count = Math.min(most, height - y);
      const piece = new Uint8Array(count * (width + 1));
      for (let row = 0; row < count; row += 1, y += 1) {
        piece.set(data.subarray(y * width, (y + 1) * width), row * (width + 1) + 1);
      }
      controller.enqueue(piece);
      if (y === height) controller.close();
    },
  });
}

/** A mask ({width, height, data}: one byte a pixel) as a PNG. */
export async function pngOf(mask) {
  const still = { width: mask.width, height: mask.height, data: mask.data.slice() };
  const packed = await new Response(
    rows(still).pipeThrough(new CompressionStream("deflate")),
  ).arrayBuffer();
  const size = new DataView(new ArrayBuffer(8));
  size.setUint32(0, mask.width);
  size.setUint32(4, mask.height);
  const parts = [
    new Uint8Array(SIGNATURE),
    chunk("IHDR", [...new Uint8Array(size.buffer), ...GRAYSCALE]),
    chunk("IDAT", new Uint8Array(packed)),
    chunk("IEND", []),
  ];
  return new Blob(parts, { type: "image/png" });
}

/** {width, height, data} of an opaque gray picture. */
export async function readMask(blob) {
  const bitmap = await createImageBitmap(blob, {
    colorSpaceConversion: "none",
    premultiplyAlpha: "none",
  });
  const { width, height } = bitmap;
  const data = new Uint8Array(width * height);
  const canvas = new OffscreenCanvas(width, Math.min(height, STRIP_ROWS));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  for (let y = 0; y < height; y += STRIP_ROWS) {
    const count = Math.min(STRIP_ROWS, height - y);
    context.drawImage(bitmap, 0, y, width, count, 0, 0, width, count);
    const rgba = context.getImageData(0, 0, width, count).data;
    for (let at = 0; at < width * count; at += 1) data[y * width + at] = rgba[4 * at];
  }
  bitmap.close();
  return { width, height, data };
}
