// The page: what a reader presses, drops and moves, and what is shown then.

import { imageClass } from "./classification.js";
import { outlined, shaded } from "./drawing.js";
import { described, open, segment } from "./network.js";
import { read, Refused } from "./picture.js";
import { RULES } from "./picture_rules.js";
import { lesionMask } from "./postprocessing.js";
import { measure, STEP } from "./size.js";

const part = (name) => document.getElementById(`try-${name}`);
const percent = (share) => `${(100 * share).toFixed(1)} %`;

let network = null; // of `open`
let shown = null; // {name, picture, prediction} of the image on the page
let turn = 0; // counts images: a prediction that comes late is dropped
let marks = null; // that were clicked on the ruler, null when none are awaited
let waiting = 0; // of the sizes that are yet to be measured

function say(text, isProblem = false) {
  part("status").textContent = text;
  part("status").classList.toggle("try-problem", isProblem);
}

async function load() {
  part("load").disabled = true;
  say("Loading the network …");
  try {
    network = await open();
  } catch (error) {
    const problem = `The network could not be loaded (${error.message}).`;
    say(`${problem} Reload the page to try again.`, true);
    return;
  }
  part("start").hidden = true;
  part("choose").disabled = false;
  resetThreshold();
  part("input").focus();
  say("The network is here. Choose an image.");
  // copying would hold up a first image; without it the page needs a connection
  setTimeout(() => keepForLater().catch(() => {}), 3000);
}

/** Let the page work without a connection from now on, where browsers can. */
async function keepForLater() {
  const workers = navigator.serviceWorker; // absent over plain http
  if (!workers) return;
  await workers.register("offline.js");
  const { active } = await workers.ready;
  const home = new URL("./", location.href).href;
  const loaded = performance.getEntriesByType("resource")
    .map(({ name }) => name)
    .filter((name) => name.startsWith(home)); // browsers' extensions load, too
  active.postMessage([...new Set([location.href, ...loaded])]);
}

/** Read and segment an image file, and show the prediction. */
async function look(file) {
  if (!network) return say("Load the network first.", true);
  const mine = ++turn;
  const began = performance.now();
  say(`Looking at ${file.name} …`);
  try {
    const picture = await read(file);
    const prediction = await segment(network, picture);
    if (mine !== turn) return;
    shown = { name: file.name, picture, prediction };
    forgetScale();
    showPrediction();
  } catch (error) {
    if (mine === turn) refuse(file, error);
    return;
  }
  const all = Math.round(performance.now() - began);
  const inside = Math.round(shown.prediction.milliseconds);
  say(`${summary()} ${all} ms, ${inside} of them in the network.`);
}

function refuse(file, error) {
  part("result").hidden = true;
  const failed = `${file.name} could not be segmented (${error.message})`;
  const problem = `${failed}: choose another image.`;
  say(error instanceof Refused ? error.message : problem, true);
}

function summary() {
  const { map, box, probabilities } = shown.prediction;
  const mask = lesionMask(map, box, probabilities, network.rule);
  const label = imageClass(probabilities, mask.includes(1));
  const chance = percent(1 - probabilities.normal);
  const notes = shown.picture.notes.map((note) => ` To know: ${note}.`);
  const said = `${shown.name}: ${label}, lesion probability ${chance}.`;
  return said + notes.join("");
}

function showPrediction() {
  const { name, picture, prediction } = shown;
  for (const [label, p] of Object.entries(prediction.probabilities)) {
    part(label).value = p;
    part(`${label}-number`).textContent = percent(p);
  }
  const lesion = 1 - prediction.probabilities.normal;
  part("lesion-number").textContent = percent(lesion);
  shaded(part("map"), picture, prediction.map, network.colours.prediction);
  part("map").setAttribute("aria-label", `Lesion probability over ${name}`);
  resetThreshold(); // the status tells of the model's own
  part("result").hidden = false;
  // on a phone the choice fills the screen
  part("status").scrollIntoView({ block: "nearest" });
}

/** Apply the slider's threshold: draw the outline, and say how large it is. */
function showMask() {
  const { name, picture, prediction } = shown;
  const { map, box, probabilities } = prediction;
  const threshold = part("threshold").valueAsNumber;
  const rule = { ...network.rule, threshold };
  const mask = lesionMask(map, box, probabilities, rule);
  const label = imageClass(probabilities, true);
  outlined(part("outline"), picture, mask, network.colours[label]);
  const size = sizeOf(mask, probabilities, rule, label);
  part("area").textContent = size;
  part("outline").setAttribute("aria-label", `${name}. ${size}`);
  const spoken = `${threshold.toFixed(2)}. ${size}`;
  part("threshold").setAttribute("aria-valuetext", spoken);
  clearTimeout(waiting); // the slider moves faster than five masks are made
  waiting = setTimeout(() => showSizes(mask, rule), 150);
}

/** Say how long, wide and large the outline is, and how sure that is. */
function showSizes(mask, rule) {
  const { picture, prediction } = shown;
  const { map, box, probabilities, both } = prediction;
  const { spacing, problem } = scale();
  const measured = (made) => measure(made, picture, spacing || 1);
  const own = measured(mask);
  if (problem || !own.area) {
    part("size").textContent = problem;
    return;
  }
  const { threshold } = rule;
  const near = [-STEP, STEP].map((step) => {
    const moved = Math.min(Math.max(threshold + step, 0), 1);
    return lesionMask(map, box, probabilities, { ...rule, threshold: moved });
  });
  prediction.alone ??= both.map((classes) => described(classes, box));
  const apart = prediction.alone.map((one) =>
    lesionMask(one.map, box, one.probabilities, rule),
  );
  const all = [own, ...[...near, ...apart].map(measured)];
  const told = (name, unit) => {
    const values = all.map((sizes) => sizes[name]);
    const [value, low, high] = [own[name], Math.min(...values),
      Math.max(...values)].map((x) => x.toFixed(spacing ? 1 : 0));
    return `${value} ${unit} (${low} to ${high})`;
  };
  const [unit, square] = spacing ? ["mm", "mm²"] : ["pixels", "pixels"];
  part("size").textContent =
    `Longest diameter ${told("length", unit)}, at right angles to it ` +
    `${told("width", unit)}, area ${told("area", square)}.`;
}

/** Return {spacing, problem}: mm a pixel, 0 if it is not given. */
function scale() {
  const spacing = part("spacing").valueAsNumber || 0;
  const { height, width } = shown.picture;
  const { least, most } = RULES.mm;
  const isTrue = [height, width].every((side) =>
    side * spacing >= least && side * spacing <= most);
  const problem = "The millimetres of a pixel cannot be true: they would make " +
    `the image ${(spacing * width).toFixed(0)} mm wide.`;
  return { spacing, problem: spacing && !isTrue ? problem : "" };
}

function forgetScale() {
  part("spacing").value = "";
  marks = null;
}

function awaitMarks() {
  marks = [];
  say("Click two marks of the ruler in the image with the outline.");
  part("outline").scrollIntoView({ block: "nearest" });
}

/** Take a mark of the ruler; the second one gives the scale. */
function mark({ offsetX, offsetY }) {
  if (!marks) return;
  const { width, clientWidth } = part("outline");
  const pixels = width / clientWidth; // the page shows it smaller
  marks.push([offsetX * pixels, offsetY * pixels]);
  if (marks.length < 2) return say("Now click the other mark.");
  const [[x, y], [u, v]] = marks;
  marks = null;
  const far = Math.hypot(u - x, v - y);
  const apart = part("mm").valueAsNumber;
  if (!(far >= 1 && apart > 0)) {
    return say("Two marks apart, and their distance in mm, are needed.", true);
  }
  part("spacing").value = (apart / far).toPrecision(4);
  say(`${apart} mm are ${far.toFixed(0)} pixels.`);
  showMask();
}

function sizeOf(mask, probabilities, rule, label) {
  const area = mask.reduce((sum, value) => sum + value, 0);
  if (area) {
    const share = percent(area / mask.length);
    const size = `The outline holds ${area} pixels, ${share} of the image`;
    return `${size}; it is rather ${label}.`;
  }
  if (1 - probabilities.normal >= rule.image_threshold) {
    return "No outline at this threshold.";
  }
  return (
    "No outline at any threshold: the lesion probability of the image is " +
    `below ${percent(rule.image_threshold)}.`
  );
}

function resetThreshold() {
  part("threshold").value = network.rule.threshold;
  moveThreshold();
}

function moveThreshold() {
  const threshold = part("threshold").valueAsNumber;
  part("threshold-number").textContent = threshold.toFixed(2);
  if (shown) showMask();
}

/** Segment one of the page's own samples. */
async function lookAtSample(button) {
  const mine = ++turn;
  const address = button.querySelector("img").src;
  const name = address.split("/").pop();
  try {
    const response = await fetch(address);
    if (!response.ok) throw new Error(response.status);
    const content = await response.blob();
    if (mine !== turn) return;
    await look(new File([content], name, { type: content.type }));
  } catch (error) {
    if (mine !== turn) return;
    say(`${name} could not be fetched (${error.message}).`, true);
  }
}

function drop(event) {
  event.preventDefault(); // else the browser opens the file itself
  const [file] = event.dataTransfer.files;
  if (file) look(file);
}

part("load").addEventListener("click", load);
part("input").addEventListener("change", ({ target }) => {
  if (target.files[0]) look(target.files[0]);
  target.value = ""; // else the same file could not be chosen again
});
part("threshold").addEventListener("input", moveThreshold);
part("reset").addEventListener("click", resetThreshold);
part("ruler").addEventListener("click", awaitMarks);
part("outline").addEventListener("click", mark);
part("spacing").addEventListener("input", () => shown && showMask());
for (const button of document.querySelectorAll(".try-samples button")) {
  button.addEventListener("click", () => lookAtSample(button));
}
window.addEventListener("dragover", (event) => event.preventDefault());
window.addEventListener("drop", drop);
part("app").hidden = false;
