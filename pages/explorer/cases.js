// The held-out cases: filtered, sorted, and drawn from their kept outlines.
globalThis.explorer ??= {};

{
  const PAGE = 12; // cases that are drawn at once
  const ORDERS = {
    worst: (one) => one.dice,
    best: (one) => -one.dice,
    surest: (one) => -one.record.lesion,
    largest: (one) => -one.area,
  };
  const part = (name) => document.getElementById(`explorer-${name}`);
  let shown = PAGE;

  /** Show the cases that the reader's filters leave, under a rule. */
  explorer.showCases = (data, scoring, rule) => {
    const cases = data.held_out.map((record) => ({
      record,
      ...scoring.score(record, rule),
    }));
    offer(part("kind"), cases, ({ kind }) => [kind]);
    offer(part("cause"), cases, ({ record }) => record.causes);
    const [kind, cause, label] = ["kind", "cause", "label"].map(
      (name) => part(name).value,
    );
    const order = ORDERS[part("order").value];
    const left = cases
      .filter((one) => !kind || one.kind === kind)
      .filter((one) => !cause || one.record.causes.includes(cause))
      .filter((one) => !label || one.record.label === label)
      .sort((a, b) => order(a) - order(b));
    const drawn = nearest(data.outlined, rule.threshold);
    const cards = left
      .slice(0, shown)
      .map((one) => card(one, data, scoring, { ...rule, threshold: drawn }));
    part("cases").replaceChildren(...cards);
    part("more").hidden = left.length <= shown;
    const among = `${left.length} of ${cases.length} cases`;
    const number = Math.min(shown, left.length);
    part("count").textContent =
      `${among}, ${number} of them drawn, predicted outlines at a pixel ` +
      `threshold of ${drawn.toFixed(2)}.`;
  };

  /** Watch the filters and the button for more: call `show` on a change. */
  explorer.watchCases = (show) => {
    for (const name of ["kind", "cause", "label", "order"]) {
      part(name).addEventListener("change", () => {
        shown = PAGE;
        show();
      });
    }
    part("more").addEventListener("click", () => {
      const next = shown;
      shown += PAGE;
      show();
      part("cases").children[next].focus(); // the button may be gone
    });
  };

  /** Write how many cases each choice of a <select> has. */
  function offer(select, cases, namesOf) {
    const counts = new Map();
    for (const name of cases.flatMap(namesOf)) {
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    for (const option of select.options) {
      const count = counts.get(option.value) ?? 0;
      if (option.value) option.textContent = `${option.value} (${count})`;
    }
  }

  const nearest = (values, value) =>
    values.reduce((a, b) =>
      Math.abs(b - value) < Math.abs(a - value) ? b : a,
    );

  /** Return a case's <li>: its outlines, score, kind and causes. */
  function card({ record, dice, kind, called }, data, scoring, rule) {
    const made = document.createElement("li");
    made.tabIndex = -1; // the focus may be moved here
    const svg = explorer.drawn("svg", { role: "img" });
    const { height, width } = record;
    const scale = data.grid / Math.max(height, width);
    svg.setAttribute("viewBox", `0 0 ${width * scale} ${height * scale}`);
    const outlines = record.outlines[data.outlined.indexOf(rule.threshold)];
    const kept = scoring.marked(record, rule);
    const marked = outlines.filter((_, k) => kept.includes(k));
    const dropped = outlines.filter((_, k) => !kept.includes(k));
    const lines = { dropped, truth: [record.truth], predicted: marked };
    for (const [name, paths] of Object.entries(lines)) {
      explorer.drawn("path", { d: paths.join(""), class: name }, svg);
    }
    const isLesion = record.label !== "normal";
    const truth = isLesion ? "The lesion's outline" : "No lesion";
    const parts = `${marked.length} predicted, ${dropped.length} dropped`;
    svg.setAttribute("aria-label", `${truth}; ${parts}`);
    const score = isLesion ? `Dice ${dice.toFixed(2)}, ${kind}` : kind;
    const wrong = called === record.label ? "" : `; taken for ${called}`;
    const texts = [record.case, `${score}${wrong}`, record.causes.join(", ")];
    made.append(svg, ...texts.filter(Boolean).map(paragraph));
    return made;
  }

  function paragraph(text) {
    const made = document.createElement("p");
    made.textContent = text;
    return made;
  }
}
