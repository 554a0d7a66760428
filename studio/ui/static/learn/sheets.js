// Pictures and arrays as the studio sends them, on canvases.

/** The picture that a sheet is, ready to be drawn from. */
export async function loaded(sheet) {
  const image = new Image();
  image.src = sheet.image;
  await image.decode();
  return { ...sheet, image };
}

/** All sheets of an answer that are named. */
export async function allLoaded(answer, names) {
  const sheets = await Promise.all(names.map((name) => loaded(answer[name])));
  return Object.fromEntries(names.map((name, place) => [name, sheets[place]]));
}

/** Draw picture `number` of a loaded sheet. */
export function draw(canvas, { image, columns, width, height }, number) {
  canvas.width = width;
  canvas.height = height;
  const left = (number % columns) * width;
  const top = Math.floor(number / columns) * height;
  canvas.getContext("2d").drawImage(image, left, top, width, height, 0, 0, width, height);
}

/** {shape, values} of an array. */
export function unpacked({ shape, data }) {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  return { shape, values: new Float32Array(bytes.buffer) };
}

/** The part of an array at the first indices, as a view. */
export function part({ shape, values }, ...indices) {
  let [start, size] = [0, values.length];
  indices.forEach((index, place) => {
    size /= shape[place];
    start += index * size;
  });
  return values.subarray(start, start + size);
}

/** Draw numbers as grays, row after row: `low` is black, `high` is white. */
export function drawGrays(canvas, values, [height, width], low, high) {
  canvas.width = width;
  canvas.height = height;
  const pixels = new ImageData(width, height);
  values.forEach((value, place) => {
    const gray = high > low ? ((value - low) / (high - low)) * 255 : 0;
    pixels.data.set([gray, gray, gray, 255], place * 4);
  });
  canvas.getContext("2d").putImageData(pixels, 0, 0);
}
