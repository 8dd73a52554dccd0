// The small model, run by LiteRT's web runtime. Nothing is fetched before
// `open`.

import { imageProbabilities } from "./classification.js";
import { letterbox } from "./masks.js";
import { lesionMap } from "./postprocessing.js";

// The build that every browser with WebAssembly SIMD can run.
const RUNTIME = "litert/wasm/litert_wasm_compat_internal.js";

const beside = (name) => new URL(name, import.meta.url).href;

/** Fetch runtime, model and settings; return what `segment` needs. */
export async function open() {
  const [settings, model, litert] = await Promise.all([
    fetched("settings.json").then((response) => response.json()),
    unpacked("small.tflite.zlib"),
    runtime(),
  ]);
  const options = { accelerator: "wasm" };
  const compiled = await litert.loadAndCompile(model, options);
  return { ...settings, compiled, Tensor: litert.Tensor };
}

async function runtime() {
  const litert = await import("./litert/index.js");
  await litert.loadLiteRt(beside(RUNTIME));
  return litert;
}

async function fetched(name) {
  // asks the server whether it is still the same: all parts fit each other
  const response = await fetch(beside(name), { cache: "no-cache" });
  if (response.ok) return response;
  throw new Error(`${name}: ${response.status} ${response.statusText}`);
}

/** Return the bytes of a compressed file. */
async function unpacked(name) {
  const { body } = await fetched(name);
  const whole = body.pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(whole).arrayBuffer());
}

/** Return what the network says of a `picture.read`.
 *
 * {probabilities, map, box, milliseconds, both}; both: class probabilities of
 * the image and of its mirror image, whose mean the first two describe.
 */
export async function segment(network, picture) {
  const { square, box } = letterbox(picture, network.size);
  const began = performance.now();
  const both = await predict(network, square);
  const milliseconds = performance.now() - began;
  const mean = both[0].map((p, i) => (p + both[1][i]) / 2);
  return { ...described(mean, box), both, box, milliseconds };
}

/** Return {probabilities, map} of class probabilities, as `segment` does. */
export function described(classes, box) {
  return {
    probabilities: imageProbabilities(classes),
    map: lesionMap(classes, box),
  };
}

/** Return class probabilities of a square, [(size * size * 3), the same].
 *
 * The exported model predicts the mirrored square too, and turns that back.
 */
async function predict({ compiled, Tensor, size }, square) {
  const scaled = Float32Array.from(square, (grey) => grey / 255);
  const input = new Tensor(scaled, [1, size, size, 1]);
  const [output] = await compiled.run([input]);
  const classes = output.toTypedArray().slice(); // out of its memory
  input.delete();
  output.delete();
  const half = classes.length / 2;
  return [classes.subarray(0, half), classes.subarray(half)];
}
