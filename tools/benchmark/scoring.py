"""Time the scores and intervals of helpers: python -m tools.benchmark.scoring

Prints JSON: cases scored in a second of processor time on drawn masks of 400 x
500 pixels (every score of `case_scores` together), and the seconds of an
interval and of a paired test over 624 cases.
"""

import json
import time

import cv2
import numpy as np

from helpers.evaluation import bootstrap, metrics


def draw(rng, parts, shape=(400, 500)):
    """Return a mask of ellipses of the size of breast lesions, 2-D bool."""
    canvas = np.zeros(shape, np.uint8)
    for _ in range(parts):
        centre = [int(rng.integers(0, side)) for side in shape[::-1]]
        axes = [int(rng.integers(15, 90)) for _ in range(2)]
        angle = float(rng.uniform(0, 180))
        cv2.ellipse(canvas, centre, axes, angle, 0, 360, 1, -1)
    return canvas.astype(bool)


def pairs(n, rng):
    """Yield n references, each with a rough prediction of it."""
    for i in range(n):
        reference = draw(rng, 1)
        moved = np.roll(reference, rng.integers(-12, 13, 2), (0, 1))
        # every fifth has a false lesion, too
        yield reference, moved | draw(rng, i % 5 == 0)


def seconds(function, *arguments):
    start = time.process_time()
    function(*arguments)
    return time.process_time() - start


def measure(n=200):
    """Return a dict of figures, all of processor time."""
    rng = np.random.default_rng(0)
    cases = list(pairs(n, rng))
    spent = seconds(lambda: [metrics.case_scores(*pair) for pair in cases])
    (a, b), groups = rng.uniform(size=(2, 624)), np.arange(624) * 9 // 10
    mean, median = (a, groups), (a, groups, np.median)
    found = {
        "interval of a mean, seconds": seconds(bootstrap.interval, *mean),
        "interval of a median, seconds": seconds(bootstrap.interval, *median),
        "paired test, seconds": seconds(bootstrap.paired_test, a, b, groups),
    }
    found = {name: round(value, 2) for name, value in found.items()}
    return {"cases a second": round(n / spent, 1), **found}


if __name__ == "__main__":
    print(json.dumps(measure(), indent=1))
