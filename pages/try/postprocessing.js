// From pixel probabilities to a lesion mask: the same rules as
// helpers/evaluation/postprocessing.py.

import { restore } from "./masks.js";

/** Return the lesion probability of each pixel at the image's own size. */
export function lesionMap(classes, box) {
  const pixels = { length: classes.length / 3 };
  const lesion = Float32Array.from(pixels, (_, i) => 1 - classes[3 * i]);
  return restore(lesion, box);
}

/** Return the lesion mask, Uint8Array (height * width) of 0 and 1.
 *
 * map: of `lesionMap`; rule: as in models/small.json. Empty where the image's
 * probability of a lesion is below the rule's `image_threshold`.
 */
export function lesionMask(map, { height, width }, probabilities, rule) {
  const mask = new Uint8Array(height * width);
  if (1 - probabilities.normal < rule.image_threshold) return mask;
  map.forEach((p, i) => (mask[i] = p > rule.threshold ? 1 : 0));
  return largeParts(mask, height, width, rule.minimum_area);
}

/** Return a mask without its 8-connected parts below a share of the image. */
function largeParts(mask, height, width, share) {
  const [FOREGROUND, KEPT, DROPPED] = [1, 2, 3];
  const stack = new Int32Array(mask.length);
  mask.forEach((_, start) => {
    // looked up anew: the fill below changes the mask
    if (mask[start] !== FOREGROUND) return;
    const area = fill(mask, height, width, start, stack, KEPT);
    if (area < share * mask.length) {
      fill(mask, height, width, start, stack, DROPPED);
    }
  });
  return mask.map((value) => (value === KEPT ? 1 : 0));
}

/** Give the part that holds `start` a new value; return its area. */
function fill(mask, height, width, start, stack, value) {
  const before = mask[start];
  let [area, waiting] = [0, 1];
  stack[0] = start;
  mask[start] = value;
  while (waiting) {
    const i = stack[--waiting];
    const x = i % width;
    const y = (i - x) / width;
    area++;
    for (let v = Math.max(y - 1, 0); v <= Math.min(y + 1, height - 1); v++) {
      for (let u = Math.max(x - 1, 0); u <= Math.min(x + 1, width - 1); u++) {
        if (mask[v * width + u] !== before) continue;
        mask[v * width + u] = value;
        stack[waiting++] = v * width + u;
      }
    }
  }
  return area;
}
