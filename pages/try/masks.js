// An image into a square, and a map from the square back to the image's size:
// the same as helpers/data/masks.py, with OpenCV's two ways of resizing.

const LEAST = 1e-3; // of a pixel: OpenCV ignores what overlaps less

/** Return {square: Uint8Array (size * size), box}: the image, centred.
 *
 * picture: {grey: Uint8Array (height * width), height, width}. box is what
 * `restore` needs: where the content lies in the square, and the image's size.
 */
export function letterbox({ grey, height, width }, size) {
  const scale = size / Math.max(height, width);
  const shrink = (side) => Math.max(1, roundToEven(side * scale));
  const [innerHeight, innerWidth] = [height, width].map(shrink);
  const top = Math.floor((size - innerHeight) / 2);
  const left = Math.floor((size - innerWidth) / 2);
  const weights = scale < 1 ? areaWeights : linearWeights;
  const rows = weights(height, innerHeight);
  const small = resized(grey, width, rows, weights(width, innerWidth));
  const square = new Uint8Array(size * size);
  for (let y = 0; y < innerHeight; y++) {
    for (let x = 0; x < innerWidth; x++) {
      const value = roundToEven(small[y * innerWidth + x]);
      square[(top + y) * size + left + x] = value;
    }
  }
  const box = { height, width, size, innerHeight, innerWidth, top, left };
  return { square, box };
}

/** Return a map (size * size) at the image's own size, Float32Array. */
export function restore(map, box) {
  const { height, width, size, innerHeight, innerWidth, top, left } = box;
  const inner = new Float32Array(innerHeight * innerWidth);
  for (let y = 0; y < innerHeight; y++) {
    const begin = (top + y) * size + left;
    inner.set(map.subarray(begin, begin + innerWidth), y * innerWidth);
  }
  const rows = linearWeights(innerHeight, height);
  return resized(inner, innerWidth, rows, linearWeights(innerWidth, width));
}

/** Return an image, `width` wide, as weighted sums: first along its rows. */
function resized(values, width, rows, columns) {
  const height = values.length / width;
  const across = new Float32Array(height * columns.length);
  for (let y = 0; y < height; y++) {
    columns.forEach((taps, x) => {
      let sum = 0;
      for (const [k, weight] of taps) sum += weight * values[y * width + k];
      across[y * columns.length + x] = sum;
    });
  }
  const result = new Float32Array(rows.length * columns.length);
  rows.forEach((taps, y) => {
    for (let x = 0; x < columns.length; x++) {
      let sum = 0;
      for (const [k, weight] of taps) {
        sum += weight * across[k * columns.length + x];
      }
      result[y * columns.length + x] = sum;
    }
  });
  return result;
}

/** Return [old pixel, weight] pairs of each new pixel: OpenCV's INTER_AREA. */
function areaWeights(old, now) {
  const scale = old / now;
  return Array.from({ length: now }, (_, i) => {
    const [begin, end] = [i * scale, Math.min((i + 1) * scale, old)];
    const taps = [];
    for (let k = Math.floor(begin + LEAST); k < end - LEAST; k++) {
      const overlap = Math.min(k + 1, end) - Math.max(k, begin);
      taps.push([k, overlap / (end - begin)]);
    }
    return taps;
  });
}

/** The same for OpenCV's INTER_LINEAR: the edge goes on outside. */
function linearWeights(old, now) {
  return Array.from({ length: now }, (_, i) => {
    const centre = ((i + 0.5) * old) / now - 0.5;
    const x = Math.min(Math.max(centre, 0), old - 1);
    const k = Math.floor(x);
    return x > k ? [[k, k + 1 - x], [k + 1, x - k]] : [[k, 1]];
  });
}

/** Round as Python does: a half goes to the even neighbour. */
function roundToEven(x) {
  const near = Math.round(x);
  return near - x === 0.5 && near % 2 ? near - 1 : near;
}
