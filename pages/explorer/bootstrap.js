// 95 % intervals as helpers/evaluation/bootstrap.py has them: whole groups are
// drawn with replacement. The draws are others, as the generator is, so ends
// differ by what a few thousand draws leave open.
globalThis.explorer ??= {};

{
  const RESAMPLES = 4000;
  const SEED = 2463534242;
  const drawn = new Map(); // by the groups of the cases, since rules share them

  /** Return the values' {mean, low, high}; low, high are NaN for one group. */
  explorer.interval = ({ values, groups }) => {
    const { codes, sizes, counts } = draws(groups);
    const n = sizes.length;
    const totals = new Float64Array(n);
    values.forEach((value, k) => (totals[codes[k]] += value));
    const mean = totals.reduce((a, b) => a + b, 0) / values.length;
    if (n < 2) return { mean, low: NaN, high: NaN };
    const spread = Float64Array.from({ length: RESAMPLES }, (_, draw) => {
      let [top, bottom] = [0, 0];
      for (let g = 0, at = draw * n; g < n; g++, at++) {
        top += counts[at] * totals[g];
        bottom += counts[at] * sizes[g];
      }
      return top / bottom;
    }).sort();
    return { mean, low: quantile(spread, 0.025), high: quantile(spread, 0.975) };
  };

  /** Return each case's group, the groups' sizes, and how often each draw has
   * each group, Uint8Array (RESAMPLES * groups). */
  function draws(groups) {
    const key = groups.join("\n");
    if (drawn.has(key)) return drawn.get(key);
    const names = [...new Set(groups)];
    const place = new Map(names.map((name, k) => [name, k]));
    const codes = groups.map((name) => place.get(name));
    const sizes = new Float64Array(names.length);
    codes.forEach((code) => sizes[code]++);
    const counts = new Uint8Array(RESAMPLES * names.length);
    const random = generator(SEED);
    for (let at = 0; at < counts.length; at += names.length) {
      for (let k = 0; k < names.length; k++) {
        counts[at + Math.floor(random() * names.length)]++;
      }
    }
    const found = { codes, sizes, counts };
    drawn.set(key, found);
    return found;
  }

  /** Return a function of numbers in [0, 1): xorshift (Marsaglia 2003, J Stat
   * Softw 8:14). */
  function generator(seed) {
    let state = seed;
    return () => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return (state >>> 0) / 2 ** 32;
    };
  }

  /** Return a quantile of sorted values, linear between two, as NumPy's. */
  function quantile(sorted, share) {
    const at = share * (sorted.length - 1);
    const k = Math.floor(at);
    const next = sorted[Math.min(k + 1, sorted.length - 1)];
    return sorted[k] + (at - k) * (next - sorted[k]);
  }
}
