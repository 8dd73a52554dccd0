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
  const { numbers, areas } = numbered(mask, height, width);
  const isLarge = areas.map((area) => area >= share * mask.length);
  return mask.map((value, i) => (value && isLarge[numbers[i]] ? 1 : 0));
}

/** Return {numbers, areas}: the 8-connected parts of a mask.
 *
 * numbers: Int32Array (height * width), 0 outside; areas: of each number.
 */
export function numbered(mask, height, width) {
  const numbers = new Int32Array(mask.length);
  const stack = new Int32Array(mask.length);
  const areas = [0];
  mask.forEach((value, start) => {
    if (!value || numbers[start]) return;
    const number = areas.length;
    areas.push(fill(mask, height, width, start, stack, numbers, number));
  });
  return { numbers, areas };
}

/** Number the part that holds `start`; return its area. */
function fill(mask, height, width, start, stack, numbers, number) {
  let [area, waiting] = [0, 1];
  stack[0] = start;
  numbers[start] = number;
  while (waiting) {
    const i = stack[--waiting];
    const x = i % width;
    const y = (i - x) / width;
    area++;
    for (let v = Math.max(y - 1, 0); v <= Math.min(y + 1, height - 1); v++) {
      for (let u = Math.max(x - 1, 0); u <= Math.min(x + 1, width - 1); u++) {
        const k = v * width + u;
        if (!mask[k] || numbers[k]) continue;
        numbers[k] = number;
        stack[waiting++] = k;
      }
    }
  }
  return area;
}
