// Read an image file as grey values, by the rules of helpers/data/pictures.py
// as far as browsers allow; what they cannot be trusted with is refused.

import { describe } from "./container.js";
import { RULES } from "./picture_rules.js";

const MOST_MEGABYTES = 20;
const MOST_MEGAPIXELS = 16; // what a phone's browser can draw on
const TURNED = [ // orientation 1 to 8: a matrix for a width and a height
  () => [1, 0, 0, 1, 0, 0],
  (w) => [-1, 0, 0, 1, w, 0],
  (w, h) => [-1, 0, 0, -1, w, h],
  (w, h) => [1, 0, 0, -1, 0, h],
  () => [0, 1, 1, 0, 0, 0],
  (w, h) => [0, 1, -1, 0, h, 0],
  (w, h) => [0, -1, -1, 0, h, w],
  (w) => [0, -1, 1, 0, 0, w],
];

/** Something that is no usable image; its message is the sentence to show. */
export class Refused extends Error {}

/** Return {grey: Uint8Array (height * width), height, width, bitmap, notes}.
 *
 * Colours are mixed with OpenCV's weights. notes: what was done to the image
 * that its owner should know, sentences without an end.
 */
export async function read(file) {
  const name = file.name || "The file";
  const refuse = (text) => {
    throw new Refused(`${name} ${text}.`);
  };
  if (!file.size) refuse("is empty: choose another file");
  if (file.size > MOST_MEGABYTES * 1e6) {
    refuse(`is larger than ${MOST_MEGABYTES} MB: choose a smaller image`);
  }
  const bytes = new Uint8Array(await file.arrayBuffer());
  const format = formatOf(bytes);
  if (!format) {
    refuse("is no image that this page reads: " +
      "choose a whole PNG, JPEG or BMP file");
  }
  if (!format.page) refuse(`is a ${format.name} file: \`make predict\` reads it`);
  const found = describe(bytes, format.name);
  if (found.problem) refuse(found.problem);
  if (found.pixels > MOST_MEGAPIXELS * 1e6) { // decoding them could take all
    refuse(`has over ${MOST_MEGAPIXELS} million pixels: ` +
      "make it smaller and try again");
  }
  const bitmap = await decoded(found.bytes, refuse);
  const { canvas, context, isThrough } = upright(bitmap, found.orientation);
  const { height, width } = canvas;
  const { data } = context.getImageData(0, 0, width, height);
  const grey = greyOf(data);
  const shown = content(grey);
  if (shown === "nothing") {
    refuse("shows nothing: nearly all of it has one grey value");
  }
  if (shown === "mask") {
    refuse("is a mask, no image: it holds 2 or 3 grey values, or only black " +
      "and white");
  }
  const notes = [];
  if (found.frames > 1) {
    notes.push(`holds ${found.frames} pictures, only the first was read`);
  }
  if (isThrough) notes.push("transparent parts read as black");
  if (found.orientation > 1) {
    notes.push("turned upright, as its orientation tag says");
  }
  return { grey, height, width, bitmap: canvas, notes };
}

/** Return {name, page} of the format that the first bytes show, or null. */
function formatOf(bytes) {
  const hex = (part) =>
    Array.from(part, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const start = hex(bytes.subarray(0, 8));
  if (hex(bytes.subarray(128, 132)) === "4449434d") {
    return { name: "DICOM", page: false };
  }
  return RULES.formats.find(({ magic }) => start.startsWith(magic)) ?? null;
}

/** Return bytes as an ImageBitmap, not colour-corrected. */
async function decoded(parts, refuse) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(new Blob(parts), {
      colorSpaceConversion: "none",
    });
  } catch {
    refuse("is no whole image, or none that this browser reads: " +
      "choose a whole PNG, JPEG or BMP file");
  }
  const { height, width } = bitmap;
  if (Math.min(height, width) < RULES.fewest_pixels) {
    refuse(`is under ${RULES.fewest_pixels} pixels high or wide: ` +
      "choose a larger one");
  }
  return bitmap;
}

/** Return {canvas, context, isThrough}: a bitmap upright and on black. */
function upright(bitmap, orientation) {
  const { height, width } = bitmap;
  const isOnItsSide = orientation > 4;
  const canvas = isOnItsSide
    ? new OffscreenCanvas(height, width)
    : new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingEnabled = false;
  context.setTransform(...TURNED[orientation - 1](width, height));
  context.drawImage(bitmap, 0, 0);
  context.resetTransform();
  const size = [canvas.width, canvas.height];
  const { data } = context.getImageData(0, 0, ...size);
  let isThrough = false;
  for (let k = 3; k < data.length; k += 4) isThrough ||= data[k] < 255;
  context.globalCompositeOperation = "destination-over";
  context.fillRect(0, 0, ...size); // black
  return { canvas, context, isThrough };
}

function greyOf(data) {
  const grey = new Uint8Array(data.length / 4);
  for (let i = 0, k = 0; i < grey.length; i++, k += 4) {
    const mixed = 9798 * data[k] + 19235 * data[k + 1] + 3735 * data[k + 2];
    grey[i] = (mixed + 16384) >> 15;
  }
  return grey;
}

/** Return "image", "mask" or "nothing", as grey_levels.content does. */
export function content(grey) {
  const counts = new Array(256).fill(0);
  for (const value of grey) counts[value]++;
  const { nothing, mask } = RULES;
  const sum = (from, to) => counts.slice(from, to).reduce((a, b) => a + b, 0);
  const values = counts.filter((count) => count > 0).length;
  if (values > 1 && values <= mask.values) return "mask";
  const near = counts.map((_, g) => sum(g, g + nothing.levels));
  if (Math.max(...near) >= nothing.share * grey.length) return "nothing";
  const white = sum(256 - mask.levels, 256);
  const isMask = white + sum(0, mask.levels) >= mask.share * grey.length;
  const hasLesion = white >= mask.white * grey.length;
  return isMask && hasLesion ? "mask" : "image";
}
