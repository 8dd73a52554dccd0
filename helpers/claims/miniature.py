"""Small experiments on a run's cases: networks, scores, verdicts, pictures."""

import keras
import numpy as np
import pandas as pd

from .. import figures
from ..data import busi, masks
from ..evaluation import baselines, metrics
from ..model import augmentation
from . import checks, trials


class Miniature:
    """Train on folds 2, 3 and 4, score the lesions of fold 1, keep it all.

    cases: DataFrame[case, label, fold, group, image, masks]; size: of the
    large images, the small ones have half of it; cache: a folder; reference:
    of `checks.read`; usual: arguments of `trials.trained`.

    learn, test: rows of cases; pixels: {size: (images, labels)}; scored:
    DataFrame as `checks` reads it; settings, cost: as `checks_of` takes them;
    decided: {run: list of checks}.
    """

    def __init__(self, cases, size, cache, reference, usual):
        both = {"large": size, "small": size // 2}.items()
        self.pixels = {k: busi.load_arrays(cases, n, cache) for k, n in both}
        labels = self.pixels["large"][1]
        area = (labels > 0).mean(axis=(1, 2))
        self.learn = np.flatnonzero(cases["fold"].isin([2, 3, 4]))
        self.test = np.flatnonzero((cases["fold"] == 1) & (area > 0))
        self.cases, self.usual, self.reference = cases, usual, reference
        self.references = list(map(masks.merge, cases["masks"][self.test]))
        own = cases.iloc[self.test]
        columns = {"group": own["group"].array, "area": area[self.test]}
        self.scored, self.toys = pd.DataFrame(columns), pd.DataFrame()
        self.settings = {"epochs": reference[2]["epochs"]}
        self.settings |= {"images": len(self.learn)}
        self.settings |= {"classical": list(baselines.CLASSICAL)}
        self.decided = {"miniature": [], "real images": []}
        self.cost = pd.DataFrame()

    def train(self, name, rows=None, size="small", **settings):
        """Train one network, keep its scores under `name`, return it."""
        rows = self.learn if rows is None else rows
        images, labels = (x[rows] for x in self.pixels[size])
        model = trials.trained(images, labels, **self.usual | settings)
        self.test_network(name, model, self.pixels[size][0][self.test])
        return model

    def test_network(self, name, model, images):
        """Keep a network's scores on test images, perhaps disturbed ones."""
        self.scored[name] = trials.case_dice(model, images, self.references)

    def typical(self, name, other):
        """Return (place among the test cases, large image, mask, case).

        Of the lesion whose two Dice differ most nearly as the median does.
        """
        gap = self.scored[name] - self.scored[other]
        place = int((gap - gap.median()).abs().argmin())
        row, (images, labels) = self.test[place], self.pixels["large"]
        return place, images[row], labels[row] > 0, self.cases["case"][row]

    def test_untrained(self):
        """Score the fixed shape of a label, classical methods, and copying."""
        images, labels = self.pixels["large"]
        names, lesions = self.cases["label"], labels > 0
        shapes = {
            name: baselines.fixed_shape(lesions[own.index])
            for name, own in names.iloc[self.learn].groupby(names)
        }
        predicted = {"label alone": map(shapes.get, names[self.test])}
        for method, segment in baselines.CLASSICAL.items():
            predicted[method] = map(segment, images[self.test])
        predicted["copy-nearest"] = lesions[self.nearest()]
        for name, squares in predicted.items():
            self.scored[name] = baselines.dice_of(self.references, squares)

    def nearest(self):
        """Return for each test case the row of the most alike to learn."""
        rows = np.concatenate([self.learn, self.test])
        held_out = np.isin(rows, self.test)
        images = self.pixels["large"][0][rows]
        found = baselines.nearest_in_training(images, held_out)
        return rows[found[len(self.learn) :]]

    def test_toys(self, networks, images, objects):
        """Keep the scores on toy images, and of the best fixed shape there."""
        rows = {"group": [f"toy {i}" for i in range(len(images))]}
        for name, model in networks.items():
            rows[name] = trials.case_dice(model, images, list(objects))
        shape = baselines.fixed_shape(objects)
        rows["toy shape"] = [metrics.dice(x, shape) for x in objects]
        self.toys = pd.DataFrame(rows)

    def report(self, claim):
        """Print what both runs say of a claim, return the checks of both."""
        tables = {"real images": self.reference}
        if claim not in checks.BY_HAND:
            own = pd.concat([self.scored, self.toys]), self.cost, self.settings
            tables = {"miniature": own} | tables
        shown = {}
        for name, known in tables.items():
            found = checks.checks_of(claim, *known)
            self.decided[name] += found
            verdict = checks.verdicts(found)[claim]
            print(f"claim {claim}, {name}: {verdict.upper()}")
            for sentence in checks.meanings(claim, found):
                print(f"- {sentence}")
            shown[name] = checks.readable(found)
        return pd.concat(shown).droplevel(1)

    def verdicts(self):
        """Return DataFrame[claim, miniature, real images], by number."""
        table = pd.DataFrame({"claim": checks.CLAIMS})
        for name, found in self.decided.items():
            table[name] = checks.verdicts(found)
        return table.fillna("see notebook 3")

    def all_checks(self):
        """Return a DataFrame of every check of both runs."""
        runs = self.decided.items()
        return pd.DataFrame([{"run": k} | c for k, own in runs for c in own])


def marked(model, image):
    """Return the mask that a network predicts on a square image, bool."""
    # `model.predict` would build a graph for one image
    classes = model(augmentation.as_input(image[None]), training=False)
    return keras.ops.convert_to_numpy(classes)[0, ..., 0] < 0.5


def look(pictures, truth, predicted, heading):
    """Show {title: uint8 (h, w)}, two or three in a row, with outlines.

    truth, predicted: bool (h, w) each, solid and dashed, or None.
    """
    titles, images = list(pictures), list(pictures.values())
    outlines = truth, predicted
    figure = figures.gallery(images, titles, *outlines, heading=heading)
    told = [title.replace("\n", " ") for title in titles]
    for name, found in (("outlined", truth), ("predicted", predicted)):
        for i, mask in enumerate(found or []):
            told[i] += f", {name} {mask.mean():.1%}"
    alt = f"{heading}. Share of each picture: {'; '.join(told)}."
    figures.show(figure, alt=alt)
