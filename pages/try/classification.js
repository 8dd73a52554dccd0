// What the network says of the image as a whole: the same rule as
// helpers/evaluation/classification.py.

/** Return {normal, benign, malignant}: probabilities that sum to 1.
 *
 * classes: Float32Array (size * size * 3) of background, benign, malignant.
 * The probability of any lesion is the Lehmer mean of the pixels' lesion
 * probabilities; benign and malignant share it as they share the pixels.
 */
export function imageProbabilities(classes) {
  let [squares, cubes, malignant, lesions] = [0, 0, 0, 0];
  for (let i = 0; i < classes.length; i += 3) {
    const p = 1 - classes[i];
    squares += p ** 2;
    cubes += p ** 3;
    malignant += classes[i + 2];
    lesions += classes[i + 1] + classes[i + 2];
  }
  const lesion = cubes / (squares + 1e-3);
  const share = malignant / (lesions + 1e-12);
  return {
    normal: 1 - lesion,
    benign: lesion * (1 - share),
    malignant: lesion * share,
  };
}

/** Return the class of the image, which follows its mask.
 *
 * marked: whether the mask has any pixel; without one it is "normal".
 */
export function imageClass({ benign, malignant }, marked) {
  if (!marked) return "normal";
  return malignant > benign ? "malignant" : "benign";
}
