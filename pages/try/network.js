// The small model, run by LiteRT's web runtime. Nothing is fetched before `open`.

import { imageProbabilities, lesionMap } from "./findings.js";
import { letterbox } from "./masks.js";

// Of the runtime's builds the one that every browser with WebAssembly SIMD can run.
const RUNTIME = "litert/wasm/litert_wasm_compat_internal.js";

const beside = (name) => new URL(name, import.meta.url).href;

/** Fetch the runtime and the model; return what `segment` needs, and the model's rule. */
export async function open() {
  const [settings, model, litert] = await Promise.all([
    fetched("settings.json").then((answer) => answer.json()),
    fetched("small.tflite").then((answer) => answer.arrayBuffer()),
    import("./litert/index.js"),
  ]);
  await litert.loadLiteRt(beside(RUNTIME));
  const compiled = await litert.loadAndCompile(new Uint8Array(model), { accelerator: "wasm" });
  return { ...settings, compiled, Tensor: litert.Tensor };
}

async function fetched(name) {
  const answer = await fetch(beside(name));
  if (!answer.ok) throw new Error(`${name}: ${answer.status} ${answer.statusText}`);
  return answer;
}

/** Return {probabilities, map, box, milliseconds} of a picture of `picture.read`. */
export async function segment(network, picture) {
  const { square, box } = letterbox(picture, network.size);
  const began = performance.now();
  const classes = await classesOf(network, square);
  const milliseconds = performance.now() - began;
  return {
    probabilities: imageProbabilities(classes),
    map: lesionMap(classes, box),
    box,
    milliseconds,
  };
}

/** Return class probabilities (size * size * 3) of a square of grey values.
 *
 * The exported model looks at the mirrored square too, and answers with the mean.
 */
async function classesOf({ compiled, Tensor, size }, square) {
  const given = new Tensor(Float32Array.from(square, (grey) => grey / 255), [1, size, size, 1]);
  const [answer] = await compiled.run([given]);
  const classes = answer.toTypedArray().slice(); // out of the runtime's memory
  given.delete();
  answer.delete();
  return classes;
}
