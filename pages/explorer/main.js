// The page: what a reader moves and presses, and what follows.
{
  const { data } = explorer;
  const { settings, chosen } = data;
  const scoring = explorer.scoring(data);
  const part = (name) => document.getElementById(`explorer-${name}`);
  const whole = (share) => `${Math.round(100 * share)}`;
  const percent = (share) => `${whole(share)} %`;
  const two = (value) => value.toFixed(2);
  const SLIDERS = {
    threshold: { values: data.thresholds, text: two },
    minimum_area: {
      values: data.minimum_areas,
      text: (value) => `${(100 * value).toFixed(2)} % of the image`,
    },
    image_threshold: {
      values: data.image_thresholds,
      text: (value) => `${(100 * value).toFixed(1)} %`,
    },
  };
  const ROWS = {
    // what it is called, how its value is written, and how an end is
    dice: ["lesion Dice", two, two],
    missed: ["lesions missed", percent, whole],
    empty: ["normal images left empty", percent, whole],
    accuracy: ["three-class accuracy", percent, whole],
  };

  const rule = { ...chosen };
  let revealed = null; // the rules looked at on held-out cases, once revealed

  /** Return {dice, missed, ...} of a rule: each {mean, low, high}. */
  function figures(split, which) {
    const records = data[split];
    const scores = records.map((record) => scoring.score(record, which));
    const measured = explorer.measured(records, scores, settings);
    const entries = Object.entries(measured);
    return Object.fromEntries(
      entries.map(([name, values]) => [name, explorer.interval(values)]),
    );
  }

  /** Return [normals marked, lesions missed] of each image threshold. */
  function curve(split) {
    const free = { ...rule, image_threshold: 0 };
    const cases = data[split].map((record) => {
      const { area, dice } = scoring.score(record, free);
      const isLesion = record.label !== "normal";
      return { sure: record.lesion, area, dice, isLesion };
    });
    const lesions = cases.filter(({ isLesion }) => isLesion);
    const normals = cases.filter(({ isLesion }) => !isLesion);
    const share = (rows, test) => rows.filter(test).length / rows.length;
    return data.image_thresholds.map((least) => [
      share(normals, ({ sure, area }) => sure >= least && area > 0),
      share(lesions, (one) => one.sure < least || one.dice < settings.missed),
    ]);
  }

  const known = {}; // figures of the chosen rule do not change
  const ofChosen = (split) => (known[split] ??= figures(split, chosen));

  function show() {
    const splits = revealed ? ["validation", "held_out"] : ["validation"];
    const found = splits.map((split) => {
      const pair = { yours: figures(split, rule), chosen: ofChosen(split) };
      fill(part(split), pair);
      return { split, ...pair };
    });
    const points = found.flatMap(({ split, ...pair }) =>
      ["chosen", "yours"].map((whose) => {
        const { missed, empty } = pair[whose];
        return { split, whose, missed, marked: turned(empty) };
      }),
    );
    const curves = splits.map((split) => ({ split, points: curve(split) }));
    explorer.draw(part("chart"), curves, points);
    say(found);
    if (revealed) {
      revealed.add(JSON.stringify(rule));
      part("looked").hidden = revealed.size < 2;
      part("looked-count").textContent = revealed.size;
      explorer.showCases(data, scoring, rule);
    }
  }

  const turned = ({ mean, low, high }) => ({
    mean: 1 - mean,
    low: 1 - high,
    high: 1 - low,
  });

  /** Fill a table's body: a row for each figure, a cell for each rule. */
  function fill(table, pair) {
    const rows = Object.entries(ROWS).map(([name, [label, ...texts]]) =>
      row(
        label,
        Object.values(pair).map((found) => cell(found[name], ...texts)),
      ),
    );
    const worth = Object.values(pair).map((found) => {
      const means = Object.entries(found).map(([k, { mean }]) => [k, mean]);
      const made = document.createElement("td");
      const utility = explorer.utility(Object.fromEntries(means), settings);
      made.textContent = utility.toFixed(3);
      return made;
    });
    table.tBodies[0].replaceChildren(...rows, row("utility", worth));
  }

  function row(label, cells) {
    const made = document.createElement("tr");
    const head = document.createElement("th");
    head.scope = "row";
    head.textContent = label;
    made.append(head, ...cells);
    return made;
  }

  function cell({ mean, low, high }, text, end) {
    const made = document.createElement("td");
    const [value, ends, bar] = ["b", "span", "span"].map((name) =>
      document.createElement(name),
    );
    value.textContent = text(mean);
    ends.textContent = `(${end(low)} to ${end(high)})`;
    ends.className = "explorer-ends";
    bar.className = "explorer-bar";
    for (const [name, number] of Object.entries({ mean, low, high })) {
      bar.style.setProperty(`--${name}`, number);
    }
    made.append(value, " ", ends, bar);
    return made;
  }

  /** Say in words what the sliders and the chart show. */
  function say(found) {
    const told = found.map(({ split, yours }) => {
      const { dice, missed, empty } = yours;
      const name = split === "validation" ? "Validation" : "Held out";
      const shares = `${percent(missed.mean)} of the lesions missed`;
      const left = `${percent(empty.mean)} of the normal images left empty`;
      return `${name}: lesion Dice ${two(dice.mean)}, ${shares}, ${left}.`;
    });
    part("chart").setAttribute("aria-label", told.join(" "));
    for (const [name, { text }] of Object.entries(SLIDERS)) {
      const spoken = `${text(rule[name])}. ${told.join(" ")}`;
      part(name).setAttribute("aria-valuetext", spoken);
      part(`${name}-number`).textContent = text(rule[name]);
    }
    const same = Object.keys(chosen).every((k) => rule[k] === chosen[k]);
    part("reset").disabled = same;
  }

  function place() {
    for (const [name, { values }] of Object.entries(SLIDERS)) {
      part(name).value = values.indexOf(rule[name]);
    }
  }

  function reveal() {
    revealed = new Set();
    for (const name of ["revealed", "legend-held_out"]) {
      part(name).hidden = false;
    }
    part("ask").hidden = true;
    show();
    part("held-out-head").focus();
  }

  for (const [name, { values, text }] of Object.entries(SLIDERS)) {
    const slider = part(name);
    const last = values.length - 1;
    slider.max = last;
    slider.addEventListener("input", () => {
      rule[name] = values[slider.valueAsNumber];
      show();
    });
    const mark = part(`${name}-mark`);
    mark.style.setProperty("--at", values.indexOf(chosen[name]) / last);
    mark.title = `chosen on validation: ${text(chosen[name])}`;
  }
  part("reset").addEventListener("click", () => {
    Object.assign(rule, chosen);
    place();
    show();
    part("threshold").focus(); // the button is off now
  });
  part("reveal").addEventListener("click", reveal);
  explorer.watchCases(() => explorer.showCases(data, scoring, rule));
  for (const svg of document.querySelectorAll("svg[data-whose]")) {
    explorer.symbol(svg, svg.dataset.whose, 10, 10);
  }
  part("app").hidden = part("ask").hidden = false;
  place();
  show();
}
