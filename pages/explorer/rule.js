// What a rule makes of a case, from the parts that were kept of it: the same
// as helpers/evaluation/postprocessing.py, metrics.py and error_analysis.py.
// Plain scripts, not modules: a page opened from a disk may load no modules.
globalThis.explorer ??= {};

explorer.scoring = ({ thresholds, settings }) => {
  const sum = (values) => values.reduce((total, value) => total + value, 0);

  const partsAt = (record, { threshold }) =>
    record.parts[thresholds.indexOf(threshold)];

  /** Return which parts at its threshold a rule marks, an array of numbers.
   *
   * record: of tools/research/explorer.py; rule: {threshold, minimum_area,
   * image_threshold}, the first of them one of the kept thresholds.
   */
  function marked(record, rule) {
    if (record.lesion < rule.image_threshold) return [];
    const least = rule.minimum_area * (record.height * record.width);
    const parts = partsAt(record, rule);
    return [...parts.keys()].filter((k) => parts[k][0] >= least);
  }

  /** Return what a rule makes of a case, {area, dice, called, kind}. */
  function score(record, rule) {
    const every = partsAt(record, rule);
    const parts = marked(record, rule).map((k) => every[k]);
    const area = sum(parts.map(([pixels]) => pixels));
    const total = area + sum(record.lesions);
    const dice = total ? (2 * sum(parts.map(shared))) / total : 1;
    const called = area ? record.likelier : "normal";
    return { area, dice, called, kind: kindOf(record, parts, area, dice) };
  }

  const shared = ([, , ...pixels]) => sum(pixels);

  /** Return the name of a case's kind of error: the first that fits. */
  function kindOf(record, parts, area, dice) {
    if (record.label === "normal") {
      return area ? "falsely marked" : "correctly empty";
    }
    const error = area / sum(record.lesions) - 1;
    const below = sum(parts.map((part) => part[1]));
    const isBelow = below / (area - sum(parts.map(shared))) > 0.5;
    const { split, merged } = counted(record.lesions, parts);
    if (area === 0) return "nothing marked";
    if (dice < settings.missed) return "elsewhere";
    if (split) return "split";
    if (merged) return "merged";
    if (error < -0.3) return "too small";
    if (error > 0.3) return isBelow ? "spills below" : "too large";
    return dice < 0.8 ? "ragged" : "good";
  }

  /** Return whether a lesion was predicted in parts, or a part covers several.
   *
   * A lesion and a part belong together from an IoU of 0.1 on; specks count as
   * neither.
   */
  function counted(lesions, parts) {
    const large = parts.filter(([area]) => area >= settings.speck);
    const pairs = lesions.map((size) => size >= settings.speck && size);
    const overlap = pairs.map((size, k) =>
      large.map((part) => {
        const both = part[2 + k];
        return size !== false && both / (size + part[0] - both) >= 0.1;
      }),
    );
    const of = (values) => sum(values.map(Number)) > 1;
    const columns = large.map((_, j) => overlap.map((row) => row[j]));
    return { split: overlap.some(of), merged: columns.some(of) };
  }

  return { marked, score };
};

/** Return {dice, missed, empty, accuracy}: each {values, groups} of its cases.
 *
 * scores: of `score`, one for each record. Dice and missed are of the images
 * with a lesion, empty is of the normal ones, accuracy of all.
 */
explorer.measured = (records, scores, { missed }) => {
  const cases = records.map((record, k) => ({ record, ...scores[k] }));
  const isNormal = ({ record }) => record.label === "normal";
  const lesions = cases.filter((one) => !isNormal(one));
  const of = (rows, value) => ({
    values: rows.map((one) => Number(value(one))),
    groups: rows.map(({ record }) => record.group),
  });
  return {
    dice: of(lesions, ({ dice }) => dice),
    missed: of(lesions, ({ dice }) => dice < missed),
    empty: of(cases.filter(isNormal), ({ area }) => area === 0),
    accuracy: of(cases, ({ record, called }) => called === record.label),
  };
};

/** Return what a rule is worth: `outcome` of postprocessing.py. */
explorer.utility = ({ dice, missed, empty }, { costs }) =>
  dice - costs.miss * missed + costs.empty * empty;
