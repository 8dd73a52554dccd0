// From class probabilities to a mask and to what it says of the image: the same rules as
// helpers/findings.py, where their sources are.

import { restore } from "./masks.js";

export const CLASSES = ["background", "benign", "malignant"];

/** Return {normal, benign, malignant}: probabilities of the image, which sum to 1.
 *
 * classes: Float32Array (size * size * 3), as the network answers. That of any lesion is
 * the Lehmer mean of the pixels' lesion probabilities.
 */
export function imageProbabilities(classes) {
  let [squares, cubes, malignant, both] = [0, 0, 0, 0];
  for (let i = 0; i < classes.length; i += 3) {
    const p = 1 - classes[i];
    squares += p ** 2;
    cubes += p ** 3;
    malignant += classes[i + 2];
    both += classes[i + 1] + classes[i + 2];
  }
  const lesion = cubes / (squares + 1e-3);
  const share = malignant / (both + 1e-12);
  return { normal: 1 - lesion, benign: lesion * (1 - share), malignant: lesion * share };
}

/** Return the probability of a lesion at each pixel of the image, at its own size. */
export function lesionMap(classes, box) {
  const lesion = Float32Array.from({ length: classes.length / 3 }, (_, i) => 1 - classes[3 * i]);
  return restore(lesion, box);
}

/** Return the lesion mask, Uint8Array (height * width) of 0 and 1.
 *
 * map: of `lesionMap`; rule: as in models/small.json. Empty where the image's probability
 * of a lesion is below the rule's `image_threshold`.
 */
export function lesionMask(map, { height, width }, probabilities, rule) {
  const mask = new Uint8Array(height * width);
  if (1 - probabilities.normal < rule.image_threshold) return mask;
  map.forEach((p, i) => (mask[i] = p > rule.threshold ? 1 : 0));
  return largeParts(mask, height, width, rule.minimum_area);
}

/** Drop from a mask its 8-connected parts below a share of the image; return the mask. */
function largeParts(mask, height, width, share) {
  const [OPEN, KEPT, DROPPED] = [1, 2, 3];
  const stack = new Int32Array(mask.length);
  mask.forEach((value, start) => {
    if (mask[start] !== OPEN) return; // looked up anew: the walk below changes it
    const part = walked(mask, height, width, start, stack, KEPT);
    if (part < share * mask.length) walked(mask, height, width, start, stack, DROPPED);
  });
  return mask.map((value) => (value === KEPT ? 1 : 0));
}

/** Give all pixels joined to `start` that share its value a new one; return their number. */
function walked(mask, height, width, start, stack, now) {
  const before = mask[start];
  let [found, waiting] = [0, 1];
  stack[0] = start;
  mask[start] = now;
  while (waiting) {
    const [i, x] = [stack[--waiting], stack[waiting] % width];
    const y = (i - x) / width;
    found++;
    for (let v = Math.max(y - 1, 0); v <= Math.min(y + 1, height - 1); v++) {
      for (let u = Math.max(x - 1, 0); u <= Math.min(x + 1, width - 1); u++) {
        if (mask[v * width + u] !== before) continue;
        mask[v * width + u] = now;
        stack[waiting++] = v * width + u;
      }
    }
  }
  return found;
}
