// 95 % intervals as helpers/evaluation/bootstrap.py has them: whole groups are
// drawn with replacement. The draws are others, and fewer, so that a slider
// moves smoothly: the ends differ by a few hundredths of the interval's width.
globalThis.explorer ??= {};

{
  const RESAMPLES = 2000;
  const SEED = 2463534242;
  const drawn = new Map(); // by the cases' groups, which all rules share

  /** Return the values' {mean, low, high}; both ends NaN for one group. */
  explorer.interval = ({ values, groups }) => {
    const { codes, n, counts, cases } = draws(groups);
    const totals = new Float64Array(n);
    values.forEach((value, k) => (totals[codes[k]] += value));
    const mean = totals.reduce((a, b) => a + b, 0) / values.length;
    if (n < 2) return { mean, low: NaN, high: NaN };
    const spread = sums(counts, totals).map((sum, draw) => sum / cases[draw]);
    spread.sort();
    const [low, high] = [0.025, 0.975].map((q) => quantile(spread, q));
    return { mean, low, high };
  };

  /** Return {codes, n, counts, cases}: each case's group, how many there are,
   * how often each draw has each group, Uint8Array (RESAMPLES * n), and how
   * many cases each draw has. */
  function draws(groups) {
    const key = groups.join("\n");
    if (drawn.has(key)) return drawn.get(key);
    const names = [...new Set(groups)];
    const place = new Map(names.map((name, k) => [name, k]));
    const codes = groups.map((name) => place.get(name));
    const n = names.length;
    const sizes = new Float64Array(n);
    codes.forEach((code) => sizes[code]++);
    const counts = new Uint8Array(RESAMPLES * n);
    const random = generator(SEED);
    for (let at = 0; at < counts.length; at += n) {
      for (let k = 0; k < n; k++) counts[at + Math.floor(random() * n)]++;
    }
    const found = { codes, n, counts, cases: sums(counts, sizes) };
    drawn.set(key, found);
    return found;
  }

  /** Return the sum of the groups' values in each draw. */
  function sums(counts, values) {
    return Float64Array.from({ length: RESAMPLES }, (_, draw) => {
      let [sum, at] = [0, draw * values.length];
      for (const value of values) sum += counts[at++] * value;
      return sum;
    });
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
