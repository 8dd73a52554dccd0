// Draw an image with the outline of a mask, or below a map of probabilities.

/** Draw the mask's border: white below the colour, to be seen on black. */
export function outlined(canvas, { bitmap, height, width }, mask, colour) {
  const context = draw(canvas, bitmap);
  const border = borderOf(mask, height, width);
  // as tools/predict.py
  const thick = Math.max(1, Math.round(Math.max(height, width) / 300));
  for (const [style, line] of [["white", thick + 2], [colour, thick]]) {
    context.strokeStyle = style;
    context.lineWidth = line;
    context.stroke(border);
  }
}

/** Draw the picture under a map: the fuller the colour, the nearer to 1. */
export function shaded(canvas, { bitmap, height, width }, map, colour) {
  const context = draw(canvas, bitmap);
  const rgb = colour.match(/\w\w/g).map((part) => parseInt(part, 16));
  const shown = context.getImageData(0, 0, width, height);
  map.forEach((p, i) => {
    rgb.forEach((full, channel) => {
      const k = 4 * i + channel;
      shown.data[k] += p * (full - shown.data[k]);
    });
  });
  context.putImageData(shown, 0, 0);
}

/** Draw a picture on a canvas of its size; return the context. */
function draw(canvas, bitmap) {
  canvas.height = bitmap.height;
  canvas.width = bitmap.width;
  const context = canvas.getContext("2d");
  context.drawImage(bitmap, 0, 0);
  return context;
}

/** Return the Path2D of all pixel edges between a mask and the rest. */
function borderOf(mask, height, width) {
  const path = new Path2D();
  const inside = (x, y) =>
    x >= 0 && y >= 0 && x < width && y < height && mask[y * width + x] === 1;
  for (let y = 0; y <= height; y++) {
    for (let x = 0; x <= width; x++) {
      const here = inside(x, y);
      if (here !== inside(x - 1, y)) line(path, x, y, x, y + 1);
      if (here !== inside(x, y - 1)) line(path, x, y, x + 1, y);
    }
  }
  return path;
}

function line(path, x0, y0, x1, y1) {
  path.moveTo(x0, y0);
  path.lineTo(x1, y1);
}
