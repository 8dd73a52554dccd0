"""Measure helpers/scores.py and intervals.py: python tools/bench_scores.py

Prints JSON: cases scored in a second of processor time on drawn masks of 400 x
500 pixels (every score of `case_scores` together), and the seconds of an
interval and of a paired test over 624 cases.
"""

import json
import time

import cv2
import numpy as np

from helpers.evaluation import bootstrap, metrics


def drawn(rng, parts, shape=(400, 500)):
    """Return a mask with some ellipses of the size of breast lesions, 2-D bool."""
    canvas = np.zeros(shape, np.uint8)
    for _ in range(parts):
        centre = [int(rng.integers(0, side)) for side in shape[::-1]]
        axes = [int(rng.integers(15, 90)) for _ in range(2)]
        cv2.ellipse(
            canvas, centre, axes, float(rng.uniform(0, 180)), 0, 360, 1, -1
        )
    return canvas.astype(bool)


def pairs(n, rng):
    """Return n pairs: a rough answer to a lesion, every fifth also marked elsewhere."""
    for i in range(n):
        reference = drawn(rng, 1)
        moved = np.roll(reference, rng.integers(-12, 13, 2), (0, 1))
        yield reference, moved | drawn(rng, i % 5 == 0)


def seconds(job):
    start = time.process_time()
    job()
    return time.process_time() - start


def measure(n=200):
    """Return a dict of figures, all of processor time."""
    rng = np.random.default_rng(0)
    cases = list(pairs(n, rng))
    spent = seconds(lambda: [metrics.case_scores(*pair) for pair in cases])
    values, groups = rng.uniform(size=(2, 624)), np.arange(624) * 9 // 10
    return {
        "cases a second": round(n / spent, 1),
        "interval of a mean, seconds": round(
            seconds(lambda: bootstrap.interval(values[0], groups)), 2
        ),
        "interval of a median, seconds": round(
            seconds(lambda: bootstrap.interval(values[0], groups, np.median)),
            2,
        ),
        "paired test, seconds": round(
            seconds(lambda: bootstrap.paired_test(*values, groups)), 2
        ),
    }


if __name__ == "__main__":
    print(json.dumps(measure(), indent=1))
