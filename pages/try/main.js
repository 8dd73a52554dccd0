// The page: what a reader presses, drops and moves, and what is shown and said then.

import { outlined, shaded } from "./drawing.js";
import { lesionMask } from "./findings.js";
import { open, segment } from "./network.js";
import { read, Refused } from "./picture.js";

const part = (name) => document.getElementById(`try-${name}`);
const percent = (share) => `${(100 * share).toFixed(1)} %`;

let network = null; // of `open`
let shown = null; // {picture, answer} of the image that is looked at
let turn = 0; // counts images: an answer that comes after the next image is dropped

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
    say(`The network could not be loaded (${error.message}). Reload the page to try again.`, true);
    return;
  }
  part("start").hidden = true;
  part("choose").disabled = false;
  resetThreshold();
  part("input").focus();
  say("The network is here. Choose an image.");
}

/** Read and segment an image file, and show what came out. */
async function look(file) {
  if (!network) return say("Load the network first.", true);
  const mine = ++turn;
  const began = performance.now();
  say(`Looking at ${file.name} …`);
  try {
    const picture = await read(file);
    const answer = await segment(network, picture);
    if (mine !== turn) return;
    shown = { name: file.name, picture, answer };
    showAnswer();
  } catch (error) {
    if (mine === turn) refuse(file, error);
    return;
  }
  const all = Math.round(performance.now() - began);
  say(`${summary()} ${all} ms, ${Math.round(shown.answer.milliseconds)} of them in the network.`);
}

function refuse(file, error) {
  part("result").hidden = true;
  const told = `${file.name} could not be segmented (${error.message}): choose another image.`;
  say(error instanceof Refused ? error.message : told, true);
}

function summary() {
  const { probabilities } = shown.answer;
  const likely = Object.keys(probabilities).reduce((a, b) =>
    probabilities[b] > probabilities[a] ? b : a,
  );
  return `${shown.name}: most likely ${likely}, ${percent(probabilities[likely])}.`;
}

function showAnswer() {
  const { picture, answer } = shown;
  for (const [name, p] of Object.entries(answer.probabilities)) {
    part(name).value = p;
    part(`${name}-number`).textContent = percent(p);
  }
  part("lesion-number").textContent = percent(1 - answer.probabilities.normal);
  shaded(part("map"), picture, answer.map, network.colours.prediction);
  part("map").setAttribute("aria-label", `Lesion probability over ${shown.name}`);
  showMask();
  part("result").hidden = false;
  part("status").scrollIntoView({ block: "nearest" }); // on a phone the choice fills the screen
}

/** Cut the map at the slider's threshold, draw the outline and say how large it is. */
function showMask() {
  const { picture, answer } = shown;
  const threshold = part("threshold").valueAsNumber;
  const rule = { ...network.rule, threshold };
  const { probabilities } = answer;
  const mask = lesionMask(answer.map, answer.box, probabilities, rule);
  const label = probabilities.malignant > probabilities.benign ? "malignant" : "benign";
  outlined(part("outline"), picture, mask, network.colours[label]);
  const told = sizeOf(mask, probabilities, rule, label);
  part("area").textContent = told;
  part("outline").setAttribute("aria-label", `${shown.name}. ${told}`);
  part("threshold").setAttribute("aria-valuetext", `${threshold.toFixed(2)}. ${told}`);
}

function sizeOf(mask, probabilities, rule, label) {
  const area = mask.reduce((sum, value) => sum + value, 0);
  if (area) {
    return `The outline holds ${area} pixels, ${percent(area / mask.length)} of the image; it is rather ${label}.`;
  }
  const lesion = 1 - probabilities.normal;
  return lesion < rule.image_threshold
    ? `No outline at any threshold: the lesion probability of the image is below ${percent(rule.image_threshold)}.`
    : "No outline at this threshold.";
}

function resetThreshold() {
  part("threshold").value = network.rule.threshold;
  moveThreshold();
}

function moveThreshold() {
  part("threshold-number").textContent = part("threshold").valueAsNumber.toFixed(2);
  if (shown) showMask();
}

/** Segment one of the page's own samples. */
async function lookAtSample(button) {
  const address = button.querySelector("img").src;
  const content = await (await fetch(address)).blob();
  await look(new File([content], address.split("/").pop(), { type: content.type }));
}

function drop(event) {
  event.preventDefault(); // else the browser opens the file in place of this page
  const [file] = event.dataTransfer.files;
  if (file) look(file);
}

part("load").addEventListener("click", load);
part("input").addEventListener("change", ({ target }) => target.files[0] && look(target.files[0]));
part("threshold").addEventListener("input", moveThreshold);
part("reset").addEventListener("click", resetThreshold);
for (const button of document.querySelectorAll(".try-samples button")) {
  button.addEventListener("click", () => lookAtSample(button));
}
window.addEventListener("dragover", (event) => event.preventDefault());
window.addEventListener("drop", drop);
part("app").hidden = false;
