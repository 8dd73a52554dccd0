// What a picture's file says of itself, without decoding its pixels: the same
// rules as helpers/data/pictures.py. The browser turns pictures as it likes,
// so it gets them without their tag of orientation.

const ORIENTATION = 0x0112; // of EXIF
const PICTURES = 0xb001; // how many a JPEG of several pictures holds
const PNG_START = 8; // bytes before the first chunk

/** Return {bytes, orientation, frames, pixels, problem} of a file's bytes.
 *
 * bytes: a Blob's parts, without the orientation; orientation: 1 to 8;
 * frames: how many pictures it holds; pixels: of the first, as far as the file
 * says; problem: why it is not read, or "".
 */
export function describe(bytes, format) {
  const plain =
    { bytes: [bytes], orientation: 1, frames: 1, pixels: 0, problem: "" };
  try {
    if (format === "PNG") return { ...plain, ...ofPng(bytes) };
    if (format === "JPEG") return { ...plain, ...ofJpeg(bytes) };
    if (format === "BMP") return { ...plain, pixels: ofBmp(bytes) };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // beyond the end
    return { ...plain, problem: "is cut off" };
  }
  return plain;
}

function viewOf(bytes) {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Return the pixels that a BMP's header tells of. */
function ofBmp(bytes) {
  const view = viewOf(bytes);
  if (view.getUint32(14, true) === 12) { // the oldest header
    return view.getUint16(18, true) * view.getUint16(20, true);
  }
  return Math.abs(view.getInt32(18, true) * view.getInt32(22, true));
}

function ofPng(bytes) {
  const view = viewOf(bytes);
  const found = { bytes: [bytes.subarray(0, PNG_START)], problem: "" };
  let name = "";
  for (let at = PNG_START; name !== "IEND"; ) {
    const end = at + 12 + view.getUint32(at);
    const content = bytes.subarray(at + 8, end - 4);
    name = text(bytes, at + 4, 4);
    if (crc(bytes.subarray(at + 4, end - 4)) !== view.getUint32(end - 4)) {
      return { problem: "is damaged: a checksum of it is wrong" };
    }
    if (name === "IHDR") {
      found.pixels = view.getUint32(at + 8) * view.getUint32(at + 12);
    }
    if (name === "IHDR" && content[8] === 16) {
      found.problem = "has 16 bits a value, and the page reads 8: " +
        "`make predict` reads it";
    }
    if (name === "acTL") found.frames = view.getUint32(at + 8);
    if (name === "eXIf") found.orientation = orientationOf(content);
    else found.bytes.push(bytes.subarray(at, end));
    at = end;
  }
  return found;
}

function ofJpeg(bytes) {
  const view = viewOf(bytes);
  const found = { bytes: [bytes.subarray(0, 2)], problem: "" };
  for (let at = 2; ; ) {
    if (view.getUint8(at) !== 0xff) return { problem: "is damaged" };
    const marker = view.getUint8(at + 1);
    if (marker === 0xff) {
      at++; // padding
      continue;
    }
    const end = at + 2 + view.getUint16(at + 2);
    const content = bytes.subarray(at + 4, end);
    if (marker === 0xda) {
      found.bytes.push(bytes.subarray(at)); // the pixels
      return found;
    }
    const isFrame = marker >= 0xc0 && marker <= 0xcf &&
      ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) found.pixels = view.getUint16(at + 5) * view.getUint16(at + 7);
    if (isFrame && content[0] !== 8) found.problem = "has not 8 bits a value";
    if (isFrame && content[5] === 4) {
      found.problem = "holds print colours (CMYK): save it as RGB or grey";
    }
    const isExif = marker === 0xe1 && text(content, 0, 6) === "Exif\0\0";
    if (isExif) found.orientation ??= orientationOf(content.subarray(6));
    else found.bytes.push(bytes.subarray(at, end));
    if (marker === 0xe2 && text(content, 0, 4) === "MPF\0") {
      found.frames = tagOf(content.subarray(4), PICTURES) || 1;
    }
    at = end;
  }
}

function orientationOf(block) {
  const value = tagOf(block, ORIENTATION);
  return value >= 1 && value <= 8 ? value : 1;
}

/** Return the number of a tag in the first list of a TIFF block, or 0. */
function tagOf(block, wanted) {
  const view = viewOf(block);
  try {
    const little = text(block, 0, 2) === "II";
    const list = view.getUint32(4, little);
    for (let i = 0; i < view.getUint16(list, little); i++) {
      const entry = list + 2 + 12 * i;
      if (view.getUint16(entry, little) !== wanted) continue;
      const isShort = view.getUint16(entry + 2, little) === 3;
      const value = entry + 8;
      return isShort
        ? view.getUint16(value, little)
        : view.getUint32(value, little);
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // a damaged block
  }
  return 0;
}

function text(bytes, start, length) {
  return String.fromCharCode(...bytes.subarray(start, start + length));
}

const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

/** Return the checksum of PNG's chunks (ISO 3309). */
function crc(bytes) {
  let sum = 0xffffffff;
  for (const byte of bytes) sum = CRC[(sum ^ byte) & 255] ^ (sum >>> 8);
  return (sum ^ 0xffffffff) >>> 0;
}
