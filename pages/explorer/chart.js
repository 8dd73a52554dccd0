// The trade-off as a picture: lesions missed against normal images that are
// falsely marked.
globalThis.explorer ??= {};

{
  const SVG = "http://www.w3.org/2000/svg";
  // of the drawing, in its own units; a phone shows it about one to one
  const [WIDTH, HEIGHT] = [360, 330];
  const [LEFT, RIGHT, TOP, BOTTOM] = [52, 14, 12, 46];
  const x = (share) => LEFT + share * (WIDTH - LEFT - RIGHT);
  const y = (share) => HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM);

  /** Return a new SVG element, in `parent` if one is given. */
  explorer.drawn = (name, attributes, parent = null, text = "") => {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) {
      made.setAttribute(key, value);
    }
    made.textContent = text;
    parent?.append(made);
    return made;
  };

  /** Draw curves and points anew.
   *
   * curves: [{split, points: [[falsely marked, missed], ...]}]; points:
   * [{split, whose: "yours" or "chosen", marked, missed}], the last two as of
   * `explorer.interval`. split: "validation" or "held_out".
   */
  explorer.draw = (svg, curves, points) => {
    svg.replaceChildren();
    svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    axes(svg);
    for (const { split, points: places } of curves) {
      const line = places.map(([a, b]) => `${x(a)},${y(b)}`).join(" ");
      explorer.drawn("polyline", { points: line, class: split }, svg);
    }
    for (const point of points) {
      const group = explorer.drawn("g", { class: point.split }, svg);
      if (point.whose === "yours") whiskers(group, point);
      const place = [x(point.marked.mean), y(point.missed.mean)];
      explorer.symbol(group, point.whose, ...place);
    }
  };

  /** Draw a disc for the reader's rule, a diamond for the chosen one. */
  explorer.symbol = (parent, whose, cx, cy) => {
    if (whose === "yours") {
      return explorer.drawn("circle", { cx, cy, r: 6 }, parent);
    }
    const corners = [[0, -9], [9, 0], [0, 9], [-9, 0]];
    const points = corners.map(([a, b]) => `${cx + a},${cy + b}`).join(" ");
    return explorer.drawn("polygon", { points }, parent);
  };

  function axes(svg) {
    for (const share of [0, 0.25, 0.5, 0.75, 1]) {
      const text = `${100 * share} %`;
      const lines = [
        { x1: x(share), x2: x(share), y1: y(0), y2: y(1) },
        { x1: x(0), x2: x(1), y1: y(share), y2: y(share) },
      ];
      for (const ends of lines) {
        explorer.drawn("line", { class: "grid", ...ends }, svg);
      }
      const below = { x: x(share), y: y(0) + 18, "text-anchor": "middle" };
      if (share === 1) below["text-anchor"] = "end";
      explorer.drawn("text", below, svg, text);
      const beside = { x: x(0) - 6, y: y(share) + 4, "text-anchor": "end" };
      explorer.drawn("text", beside, svg, text);
    }
    const middle = { "text-anchor": "middle", class: "title" };
    const under = { ...middle, x: x(0.5), y: HEIGHT - 6 };
    explorer.drawn("text", under, svg, "normal images falsely marked");
    const transform = `translate(12 ${y(0.5)}) rotate(-90)`;
    const turned = { ...middle, transform };
    explorer.drawn("text", turned, svg, "lesions missed");
  }

  function whiskers(group, { marked, missed }) {
    const ends = [
      [marked.low, marked.high, missed.mean, missed.mean],
      [marked.mean, marked.mean, missed.low, missed.high],
    ];
    for (const [a, b, c, d] of ends) {
      const line = { x1: x(a), x2: x(b), y1: y(c), y2: y(d) };
      explorer.drawn("line", { class: "whisker", ...line }, group);
    }
  }
}
