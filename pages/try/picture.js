// Read an image file as grey values, as tools/predict.py does.

const MOST_MEGABYTES = 20;
const MOST_MEGAPIXELS = 16; // what a phone's browser can draw on
const FEWEST_PIXELS = 16; // as tools/predict.py

/** Something that is no usable image; its message is the sentence to show. */
export class Refused extends Error {}

/** Return {grey: Uint8Array (height * width), height, width, bitmap}.
 *
 * Colours are mixed with OpenCV's weights. 16-bit files come as the browser's
 * 8 bits.
 */
export async function read(file) {
  const bitmap = await decoded(file);
  const { height, width } = bitmap;
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  const grey = new Uint8Array(height * width);
  for (let i = 0, k = 0; i < grey.length; i++, k += 4) {
    const mixed = 9798 * data[k] + 19235 * data[k + 1] + 3735 * data[k + 2];
    grey[i] = (mixed + 16384) >> 15;
  }
  return { grey, height, width, bitmap };
}

/** Return a file as an ImageBitmap, neither turned nor colour-corrected. */
async function decoded(file) {
  const name = file.name || "The file";
  const problem = (text) => new Refused(`${name} ${text}.`);
  if (!file.size) throw problem("is empty: choose another file");
  if (file.size > MOST_MEGABYTES * 1e6) {
    throw problem(
      `is larger than ${MOST_MEGABYTES} MB: choose a smaller image`,
    );
  }
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, {
      colorSpaceConversion: "none",
      imageOrientation: "none",
    });
  } catch {
    throw problem(
      "is no image that this browser can read: " +
        "choose a whole PNG, JPEG or BMP file",
    );
  }
  const { height, width } = bitmap;
  if (height * width > MOST_MEGAPIXELS * 1e6) {
    throw problem(
      `has over ${MOST_MEGAPIXELS} million pixels: ` +
        "make it smaller and try again",
    );
  }
  if (Math.min(height, width) < FEWEST_PIXELS) {
    throw problem(
      `is under ${FEWEST_PIXELS} pixels high or wide: choose a larger one`,
    );
  }
  return bitmap;
}
