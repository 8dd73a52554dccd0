// An image into a square, and a map from the square back to the image's size: the same as
// helpers/masks.py, with OpenCV's two ways of resizing.

const LEAST = 1e-3; // of a pixel: OpenCV ignores what overlaps less

/** Return {square: Uint8Array (size * size), box}: the image scaled and centred.
 *
 * picture: {grey: Uint8Array (height * width), height, width}. box is what `restore`
 * needs: where the content lies in the square, and the image's own size.
 */
export function letterbox({ grey, height, width }, size) {
  const scale = size / Math.max(height, width);
  const [innerHeight, innerWidth] = [height, width].map((side) =>
    Math.max(1, roundToEven(side * scale)),
  );
  const top = Math.floor((size - innerHeight) / 2);
  const left = Math.floor((size - innerWidth) / 2);
  const weights = scale < 1 ? areaWeights : linearWeights;
  const small = resized(grey, width, weights(height, innerHeight), weights(width, innerWidth));
  const square = new Uint8Array(size * size);
  for (let y = 0; y < innerHeight; y++) {
    for (let x = 0; x < innerWidth; x++) {
      square[(top + y) * size + left + x] = roundToEven(small[y * innerWidth + x]);
    }
  }
  return { square, box: { height, width, size, innerHeight, innerWidth, top, left } };
}

/** Return a map (size * size) at the image's own size, Float32Array (height * width). */
export function restore(map, { height, width, size, innerHeight, innerWidth, top, left }) {
  const inner = new Float32Array(innerHeight * innerWidth);
  for (let y = 0; y < innerHeight; y++) {
    const begin = (top + y) * size + left;
    inner.set(map.subarray(begin, begin + innerWidth), y * innerWidth);
  }
  const [rows, columns] = [linearWeights(innerHeight, height), linearWeights(innerWidth, width)];
  return resized(inner, innerWidth, rows, columns);
}

/** Return the values of an image, `width` wide, summed by weights: first along its rows. */
function resized(values, width, rows, columns) {
  const height = values.length / width;
  const across = new Float32Array(height * columns.length);
  for (let y = 0; y < height; y++) {
    columns.forEach((taps, x) => {
      let sum = 0;
      for (const [from, weight] of taps) sum += weight * values[y * width + from];
      across[y * columns.length + x] = sum;
    });
  }
  const result = new Float32Array(rows.length * columns.length);
  rows.forEach((taps, y) => {
    for (let x = 0; x < columns.length; x++) {
      let sum = 0;
      for (const [from, weight] of taps) sum += weight * across[from * columns.length + x];
      result[y * columns.length + x] = sum;
    }
  });
  return result;
}

/** Return for each new pixel of a side its [old pixel, weight] pairs: OpenCV's INTER_AREA. */
function areaWeights(old, now) {
  const scale = old / now;
  return Array.from({ length: now }, (_, i) => {
    const [begin, end] = [i * scale, Math.min((i + 1) * scale, old)];
    const taps = [];
    for (let k = Math.floor(begin + LEAST); k < end - LEAST; k++) {
      const part = Math.min(k + 1, end) - Math.max(k, begin);
      taps.push([k, part / (end - begin)]);
    }
    return taps;
  });
}

/** The same for OpenCV's INTER_LINEAR: pixels are squares, and the edge goes on outside. */
function linearWeights(old, now) {
  return Array.from({ length: now }, (_, i) => {
    const place = Math.min(Math.max(((i + 0.5) * old) / now - 0.5, 0), old - 1);
    const k = Math.floor(place);
    return place > k ? [[k, k + 1 - place], [k + 1, place - k]] : [[k, 1]];
  });
}

/** Round as Python does: a half goes to the even neighbour. */
function roundToEven(x) {
  const near = Math.round(x);
  return near - x === 0.5 && near % 2 ? near - 1 : near;
}
