// How long, wide and large an outline is: the same as
// helpers/evaluation/lesion_size.py.

import { numbered } from "./postprocessing.js";

export const STEP = 0.1; // of the threshold, up and down

/** Return {length, width, area} of a mask; each 0 if it is empty.
 *
 * spacing: mm a pixel, or 1. Length and width are those of the largest part.
 */
export function measure(mask, { height, width }, spacing = 1) {
  const { part, area } = largest(mask, height, width);
  if (!area) return { length: 0, width: 0, area: 0 };
  const corners = hull(edges(part, height, width));
  let [longest, along] = [0, [1, 0]];
  for (const [x, y] of corners) {
    for (const [u, v] of corners) {
      const far = Math.hypot(u - x, v - y);
      if (far > longest) [longest, along] = [far, [(u - x) / far, (v - y) / far]];
    }
  }
  const across = corners.map(([x, y]) => y * along[0] - x * along[1]);
  const wide = Math.max(...across) - Math.min(...across);
  return {
    length: longest * spacing,
    width: wide * spacing,
    area: area * spacing ** 2,
  };
}

/** Return {part: Uint8Array, the largest part; area: of all, pixels}. */
function largest(mask, height, width) {
  const { numbers, areas } = numbered(mask, height, width);
  const most = areas.indexOf(Math.max(...areas));
  const part = Uint8Array.from(numbers, (n) => (n && n === most ? 1 : 0));
  return { part, area: areas.reduce((a, b) => a + b, 0) };
}

/** Return the middles of the pixel edges round a part, [x, y] each. */
function edges(part, height, width) {
  const points = [];
  const inside = (x, y) =>
    x >= 0 && y >= 0 && x < width && y < height && part[y * width + x] === 1;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!inside(x, y)) continue;
      for (const [u, v] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
        if (!inside(x + u, y + v)) points.push([x + u / 2, y + v / 2]);
      }
    }
  }
  return points;
}

/** Return the corners of the convex hull (Andrew's monotone chain). */
function hull(points) {
  const sorted = [...points].sort(([x, y], [u, v]) => x - u || y - v);
  const half = (line) => {
    const kept = [];
    for (const point of line) {
      while (kept.length > 1 && !turnsLeft(...kept.slice(-2), point)) kept.pop();
      kept.push(point);
    }
    return kept.slice(0, -1);
  };
  return [...half(sorted), ...half(sorted.reverse())];
}

function turnsLeft([x, y], [u, v], [p, q]) {
  return (u - x) * (q - y) - (v - y) * (p - x) > 0;
}
