# %% [markdown]
# # 7. From pixels to findings: normal, benign or malignant?
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/breast-ultrasound-notebooks/blob/main/notebooks/07_from_pixels_to_findings.ipynb)
#
# You will turn the network's predictions for thousands of pixels into one
# statement on the image, and ask what that statement is worth. All cases are
# held out, and you never open a mask: what you build here must also work on an
# image that nobody has outlined. Only the label of a case (normal, benign,
# malignant) serves as the *ground truth*, that is, as what is right.
#
# **You will** be able to
# - reduce a map of probabilities to one statement on the image,
# - choose a threshold where it may be chosen, and report it where it may not,
# - tell whether a small model on top earns its place,
# - check probabilities, and say what it costs to refer the unsure cases to a
#   person,
# - say whether acting on them does more good than harm, and what may not be
#   concluded.
#
# **Takes** under a minute. **Needs** notebooks 2 and 4. **Reads** `folds.csv`,
# `shortcuts.csv`, `predictions.npz`, `validation.csv`. **Writes**
# `findings.csv`, `findings.json`, and the tables behind them: `aucs.csv`,
# `operating_points.csv`, `accuracy.csv`, `image_calibration.csv`,
# `referral.csv`, `decisions.csv`.
#
# > **For teaching and research. This is not a medical device.**

# %% tags=["setup"]
import importlib  # Setup: the same cell opens every notebook.
import os
import sys

REPO = "https://github.com/OWNER/breast-ultrasound-notebooks"
name = os.path.basename(REPO)
homes = [".", "..", name, f"/content/drive/MyDrive/{name}"]
found = [h for h in homes if os.path.exists(f"{h}/helpers/workspace.py")]
if not found and os.system(f"git clone -q --depth=1 {REPO}"):
    importlib.import_module("google.colab.drive").mount("/content/drive")
sys.path[:0] = map(os.path.abspath, found or homes[2:])
here = importlib.import_module("helpers.workspace").start()

# %% tags=["parameters"]
profile: str = "quick"  # results go to runs/<data>-<profile>/

# %%
import numpy as np
import pandas as pd

from helpers import exercises, figures
from helpers.evaluation import classification

step = here.step("07_from_pixels_to_findings")
predictions = step.read("04_train_the_segmenter", "predictions.npz")
validation = step.read("04_train_the_segmenter", "validation.csv")
folds = step.read("02_prepare_the_masks", "folds.csv")
shortcuts = step.read("02_prepare_the_masks", "shortcuts.csv")
LABELS = list(classification.LABELS)

# %% [markdown]
# ## One statement from many pixels
#
# The network gives each pixel three probabilities. How sure is it of *any*
# lesion in the image? The mean over all pixels will not do: a small lesion
# would drown. The highest will not do either: one odd pixel would decide.
# `classification.image_probabilities` takes a mean in which each pixel's
# lesion probability is weighted by its own square (a *Lehmer mean*). It lies
# near that of the surest pixels, whatever the size of the lesion. Benign and
# malignant then share it as they share the pixels.
#
# `classification.image_features` also measures the lesion that the network
# *predicts*: its `area` (as a share of the image), its `solidity` (the share
# of a rubber band around it that it fills) and its `circularity` (1 for a
# circle, less for a ragged outline). Where nothing is predicted the area is 0
# and the shape counts as smooth, 1. No person's outline takes part.

# %%
maps = predictions["probabilities"]
known = pd.DataFrame({k: predictions[k] for k in ("case", "fold")})
known = known.merge(folds[["case", "label", "group"]], "left", on="case")
cases = known.join(pd.DataFrame(map(classification.image_features, maps)))
print(f"{len(cases)} held-out cases, {here.data.kind}")
cases.drop(columns=["fold", "group"]).head().round(3)

# %% [markdown]
# Look at one case of each class. The map is the lesion probability, the title
# tells what became of it.


# %%
def title_of(i):
    """Return a case's name and the three probabilities of its image."""
    values = "\n".join(f"{k} {cases[k][i]:.2f}" for k in LABELS)
    return f"{cases['case'][i]}, predicted\n{values}"


some = [rows.index[len(rows) // 2] for _, rows in cases.groupby("label")]
shown = {title_of(i): 1 - maps[i, ..., 0].astype(np.float32) for i in some}

# %%
title = f"From a map to a statement ({here.data.kind})"
unit = "lesion probability"
figure = figures.heat(shown, title, unit, scale=(0, 1))
listed = "; ".join(shown).replace("\n", ", ")
figures.show(figure, alt=f"Lesion probability maps of {listed}")

# %% [markdown]
# ## The plain rule
#
# The simplest statement is the class with the highest probability. Nothing is
# fitted. Expect the confusion between neighbours: faint lesions predicted
# normal, and benign ones predicted malignant or the reverse.

# %%
cases["plain"] = cases[LABELS].idxmax(axis=1)
pd.crosstab(cases["label"], cases["plain"])

# %% [markdown]
# Each row is a label, each column a prediction. One number does not do justice
# to it, and one threshold neither. So first ask how well the probabilities
# *rank* the cases.
#
# ## How well does it rank? ROC and AUC
#
# Choose a *threshold*, and *flag* a case (count it as positive) when its
# probability is above it. The *sensitivity* is the share of those with the
# finding that are flagged, the *specificity* the share of those without it
# that are not. Move the threshold and you trade one for the other: that is the
# *ROC curve*. The area under it (AUC) is the chance that a case with the
# finding gets a higher probability than one without. Chance alone gives 0.5.
#
# The interval is a *bootstrap*, as in notebook 5: draw whole groups of near
# copies again and again, and see where 95 % of the results lie, from `low` to
# `high`. `n` is the number of cases, `value` the AUC.

# %%
from helpers.evaluation import bootstrap


def measure(values, statistic=None, chosen=slice(None)):
    """Return {n, value, low, high} of some cases: a 95 % interval by group."""
    values, group = np.asarray(values)[chosen], cases["group"][chosen]
    found = bootstrap.interval(values, group, statistic, 2000)
    names = ("value", "low", "high")
    return {"n": len(group)} | dict(zip(names, found, strict=True))


def ask(table):
    """Return {question: (ground truth, probability)} of a table of cases."""
    columns = table["label"], table["normal"], table["malignant"]
    label, normal, malignant = (column.to_numpy() for column in columns)
    return {
        "any lesion": (label != "normal", 1 - normal),
        "malignant": (label == "malignant", malignant),
    }


# %%
questions = ask(cases)
has_lesion, is_malignant = (pair[0] for pair in questions.values())
pairs = {name: np.stack(pair, 1) for name, pair in questions.items()}
areas = {k: measure(pair, bootstrap.auc) for k, pair in pairs.items()}

# %% [markdown]
# A third question is asked of lesion images only: benign or malignant? It is
# the one that papers report when they leave the normal images out. An interval
# that reaches down to 0.5 cannot rule out chance.

# %%
either = cases["benign"] + cases["malignant"]
share = cases["malignant"] / either.clip(lower=1e-12)  # 0 of 0 counts 0
pair = np.stack([is_malignant, share], 1)
areas["benign or malignant"] = measure(pair, bootstrap.auc, has_lesion)
aucs = pd.DataFrame(areas).T.astype({"n": int})
aucs.round(3)

# %% [markdown]
# ## Choose the threshold on cases that are not reported
#
# Suppose that 95 of 100 lesions must be flagged. Which threshold does that?
# Were you to choose it on the held-out cases, it would give exactly 95 %
# there, and promise too much. So it comes from the validation part of each
# fold. (The rule of notebook 4 weighs lesions against normal images. This
# threshold keeps 95 % of the lesions, whatever that costs.)
#
# Each validation part has a few malignant cases only. Expect the thresholds to
# differ widely between folds, and the sensitivity on held-out cases to miss
# the 95 %.

# %%
from helpers.evaluation import calibration


def keeping(p, positive):
    """Return the highest threshold that flags 95 % of the positive cases."""
    if not positive.any():  # a tiny data set: nothing to choose by
        return 0.5
    return calibration.threshold_for_sensitivity(p, positive)


# %%
by_fold, chosen = validation.groupby("fold"), {}
for fold, part in by_fold:
    asked = ask(part).items()
    chosen[fold] = {q: keeping(p, positive) for q, (positive, p) in asked}
thresholds = pd.DataFrame(chosen).T
thresholds.round(3)

# %% [markdown]
# There is one row for each fold that was trained. Now apply the thresholds to
# the held-out cases, which had no say in them. Both rows of *sensitivity* were
# to be 0.95: how far off are they?

# %%
flagged, shares = {}, {}
for name, (ground_truth, probability) in questions.items():
    threshold = cases["fold"].map(thresholds[name]).to_numpy()
    found = probability >= threshold
    sensitivity = measure(found, chosen=ground_truth)
    specificity = measure(~found, chosen=~ground_truth)
    shares[f"{name} threshold sensitivity"] = sensitivity
    shares[f"{name} threshold specificity"] = specificity
    flagged[name] = found
operating_points = pd.DataFrame(shares).T.astype({"n": int})
operating_points.round(3)

# %%
from sklearn.metrics import roc_curve

curves = {k: roc_curve(*pair)[:2] for k, pair in questions.items()}
value, diamonds = operating_points["value"], {}
for name in questions:
    at = f"{name} threshold"
    diamonds[name] = 1 - value[f"{at} specificity"], value[f"{at} sensitivity"]
listed = ", ".join(f"{k} {v:.2f}" for k, v in aucs["value"].items())

# %%
title = f"ROC curves and the chosen thresholds ({here.data.kind})"
figure = figures.roc(curves, diamonds, title)
figures.show(figure, alt=f"ROC curves, AUC: {listed}.")

# %% [markdown]
# A diamond need not lie on its curve: each fold has its own threshold, and the
# curve has one. Read both numbers of a diamond together. A high sensitivity
# alone is had by flagging everybody.
#
# ## Does a small model on top earn its place?
#
# The plain rule ignores what else you know: the predicted lesion's size and
# shape. A *logistic regression* may weigh them: it adds up numbers, each times
# a weight of its own, and turns the sum into probabilities.
# `classification.logistic_regression` fits one for each fold, on that fold's
# validation part alone, to five numbers: how sure the network is of a lesion
# and of malignancy, and the predicted area, solidity and circularity. Those
# are some 60 cases on the full data, so it must stay small.
#
# Before you look, fix the rule: it replaces the plain one only if it
# classifies more cases correctly, by more than chance explains.

# %%
fitted = pd.DataFrame(0.0, cases.index, LABELS)
for fold, part in cases.groupby("fold"):
    own = by_fold.get_group(fold)
    fitted.loc[part.index] = classification.logistic_regression(own, part)

# %% [markdown]
# A third method uses the two thresholds from above. *Careful*: malignant if
# "malignant" is flagged, else normal if "any lesion" is not, else benign. On
# the real images, expect it to miss few malignant cases and to flag many
# others. With a threshold from a few simulated cases it may come out the other
# way.

# %%
careful = [flagged["malignant"], ~flagged["any lesion"]]
methods = {
    "plain": cases["plain"],
    "fitted": fitted.idxmax(axis=1),
    "careful": np.select(careful, ["malignant", "normal"], "benign"),
}

# %%
correct = {k: classes == cases["label"] for k, classes in methods.items()}
parts = {"all": np.ones(len(cases), bool)}
parts |= {label: (cases["label"] == label).to_numpy() for label in LABELS}
by_method = {
    method: bootstrap.by_subgroup(which, cases["group"], parts)
    for method, which in correct.items()
}
accuracy = pd.concat(by_method)
accuracy["value"].unstack().round(3)

# %% [markdown]
# Each number is a share of correctly classified cases: of all, and of each
# class alone. Here is the comparison that was fixed above: the share of cases
# that the fitted model classifies correctly, minus that of the plain rule,
# over the same cases.

# %%
gain = measure(correct["fitted"] * 1.0 - correct["plain"])
kept = "fitted" if gain["low"] > 0 else "plain"
probabilities = {"plain": cases[LABELS], "fitted": fitted}[kept]
cases["predicted"] = methods[kept]
print("gain {value:+.3f} ({low:+.3f} to {high:+.3f})".format(**gain))
print(f"kept for the rest of this notebook: {kept}")

# %% [markdown]
# If it is the plain rule, remember why. The network was trained for this
# question too: its loss has a part for the whole image. A few dozen cases can
# hardly improve on hundreds.
#
# ## Who is mistaken for whom?
#
# The share of correctly classified cases, the *accuracy*, treats all mistakes
# alike. A patient does not: a cancer predicted benign is another mistake than
# a cyst predicted malignant.

# %%
counts = pd.crosstab(cases["label"], cases["predicted"])
counts = counts.reindex(index=LABELS, columns=LABELS, fill_value=0)

# %%
title = f"What was predicted ({kept}, {here.data.kind})"
alt = f"Rows normal, benign, malignant: {counts.to_numpy().tolist()}"
figures.show(figures.confusion(counts, title), alt=alt)

# %%
goals = {"all": 0.85, "malignant": 0.90}
for label, goal in goals.items():
    reached = accuracy.loc[(kept, label)]
    ends = f"{reached['low']:.2f} to {reached['high']:.2f}"
    print(f"{label}: {reached['value']:.2f} ({ends}), aimed for {goal:.2f}")

# %% [markdown]
# These were our goals before the first run. The table of the three methods
# tells what it costs to come near the second alone. On the real images the
# careful method finds more of the malignant cases than the plain rule, and
# classifies far fewer of all cases correctly (`accuracy.csv` in `results/`).
# Simulated images need not repeat that. On a cleaned part of BUSI,
# Aumente-Maestro et al. (2025) reached 0.80 for all, with cross-validation as
# here.
#
# ## Can you believe the probabilities?
#
# Of the images with a predicted "malignant 0.3", three in ten should be
# malignant. The *expected calibration error* (ECE) is the mean gap between
# what was predicted and what came true, as in notebook 5, and the *Brier
# score* the mean squared distance from the ground truth: 0 is perfect, lower
# is better.
#
# Two methods may correct it, each fitted on the validation part of its fold:
# *temperature scaling*, which makes all predictions more or less sure (Guo et
# al. 2017), and the logistic regression from above. Beside them stands what
# you get by predicting the same for every case: the *base rate*, that is, the
# share of cases with the finding.


# %%
def temperature_scaled(name):
    """Return a question's probabilities after each fold's own temperature."""
    scaled = np.zeros(len(cases))
    for fold, part in cases.groupby("fold"):
        ground_truth, probability = ask(by_fold.get_group(fold))[name]
        temperature = calibration.fit_temperature(probability, ground_truth)
        _, held_out = ask(part)[name]
        scaled[part.index] = calibration.rescale(held_out, temperature)
    return scaled


# %%
by_regression = ask(fitted.assign(label=cases["label"]))
versions = {}
for name, (ground_truth, probability) in questions.items():
    base_rate = np.full(len(ground_truth), ground_truth.mean())
    versions[name, "uncalibrated"] = probability
    versions[name, "temperature-scaled"] = temperature_scaled(name)
    versions[name, "logistic regression"] = by_regression[name][1]
    versions[name, "base rate"] = base_rate

# %%
errors = {}
for (name, version), probability in versions.items():
    ground_truth, _ = questions[name]
    ece = calibration.calibration_error(probability, ground_truth, 10)
    brier = np.mean((probability - ground_truth) ** 2)
    errors[name, version] = {"ECE": ece, "Brier": brier}
image_calibration = pd.DataFrame(errors).T
image_calibration.index.names = ["question", "probabilities"]
image_calibration.round(3)

# %% [markdown]
# The base rate is perfectly calibrated and useless: a low ECE alone does not
# make a good model, so read it beside the Brier score. A model whose Brier
# score is above that of the base rate says less than one number for everybody
# would. The diagram shows where "malignant" is predicted too often or too
# seldom.

# %%
curves = {"as it should be": ([0, 1], [0, 1])}
for version in ("uncalibrated", "temperature-scaled", "logistic regression"):
    probability = versions["malignant", version]
    bins = calibration.reliability(probability, is_malignant, 10)
    curves[version] = bins["confidence"], bins["accuracy"]

# %%
title = f"Reliability of 'malignant' ({here.data.kind})"
axes = "probability of malignant", "share that is malignant"
figure = figures.lines(curves, *axes, title, marker="o")
eces = image_calibration["ECE"]["malignant"].round(3).to_dict()
figures.show(figure, alt=f"ECE of malignant: {eces}")

# %% [markdown]
# With few cases in a bin its point jumps, and the ECE comes out a little too
# high even for perfect probabilities.
#
# ## Refer the unsure ones to a person
#
# A model need not decide always. Let the highest of its three probabilities be
# its *confidence*, and refer the least sure cases to a person. The *coverage*
# is the share of cases that it still decides. Expect fewer errors among the
# rest: if there are not, its confidence is worth nothing. The price is the
# person's time.

# %%
confidence = probabilities.max(axis=1)
wrong = (cases["predicted"] != cases["label"]).to_numpy()
coverage, risk = calibration.risk_coverage(confidence, wrong)
best = calibration.risk_coverage(1.0 - wrong, wrong)[1]
half = risk[(len(risk) - 1) // 2]

# %%
title = f"What it costs to be surer ({here.data.kind})"
alt = f"Errors among the rest: {wrong.mean():.2f} if none is referred, "
alt += f"{half:.2f} if the less sure half is."
figures.show(figures.referral(coverage, risk, best, title), alt=alt)

# %% [markdown]
# In practice you would set a limit and refer whatever is below it. These
# limits were not fitted to anything. Where few cases are left, the accuracy
# jumps; where none is, or all come from one group, there is `NaN`. Look at the
# last column, too: malignant cases that are predicted as something else and
# are *not* referred. These are the costly ones.


# %%
def below(limit):
    """Return what happens if cases of less confidence are referred."""
    rest = (confidence >= limit).to_numpy()
    found = measure(~wrong, chosen=rest)
    return {
        "refer below": limit,
        "share referred": 1 - rest.mean(),
        "accuracy of the rest": found["value"],
        "low": found["low"],
        "high": found["high"],
        "errors left": (wrong & rest).sum(),
        "malignant missed": (wrong & rest & is_malignant).sum(),
    }


referral = pd.DataFrame(map(below, (0, 0.5, 0.6, 0.7, 0.8, 0.9)))
referral.round(3)

# %% [markdown]
# How many must be referred until 85 % of the rest are correctly classified?
# (100 % means that no limit does it.)

# %%
enough = coverage[1 - risk >= goals["all"]]
needed = 1 - enough.max() if len(enough) else 1.0
print(f"the least sure {needed:.0%} of the cases")

# %% [markdown]
# ## Does acting on it help?
#
# Suppose that every case above a probability *t* gets a biopsy. Whoever acts
# at *t* = 0.1 would rather have nine needless biopsies than miss one cancer,
# for that is what the odds of 1 to 9 mean. The *net benefit* counts cancers
# found, minus the needless biopsies weighted by these odds, for each case. It
# is compared with a biopsy for everybody and for nobody. A model helps at
# those *t* where its curve is the highest.

# %%
limits, malignant = np.arange(1, 31) / 50, probabilities["malignant"]
decisions = calibration.net_benefit(malignant, is_malignant, limits)
ahead = decisions["model"] > decisions["all"].clip(lower=0)
helps = f"at {ahead.sum()} of {len(limits)} probabilities"
print(f"the model is ahead {helps} from {limits[0]} to {limits[-1]}")

# %%
title = f"Decision curve ({here.data.kind})"
alt = f"The model's net benefit is highest {helps}."
figures.show(figures.decision(decisions, title), alt=alt)

# %% [markdown]
# The base rate of cancer in these images is far above that of a screening
# clinic. There, most alarms of the same model would be *false positives*
# (flagged, but without the finding), and the curve would be another one.
# Exercise 2 asks by how much.
#
# ## What may not be concluded
#
# Before you quote any number of this notebook, look at the data that they rest
# on.

# %%
labels = folds.groupby("group")["label"].nunique()
auc = shortcuts.set_index("feature")["value"]
print(f"cases: {len(folds)}, groups of near copies: {len(labels)}")
print(f"groups that stand in more than one class: {(labels > 1).sum()}")
print(f"AUC from the picture's size alone: {auc['picture size']:.2f}")
print(f"AUC from the person's outline alone: {auc['outline: solidity']:.2f}")

# %% [markdown]
# - **Nothing about patients.** The set has no patient numbers. Near copies
#   stay together here, but two unlike frames of one woman may be on both
#   sides. So the intervals are rather too narrow, and the values rather too
#   good.
# - **Nothing about other hospitals.** All images come from one centre
#   (Al-Dhabyani et al. 2020), and on the real images the size of the picture
#   already hints at the class (simulated ones have no such hint). A network
#   may learn such hints, and they do not travel.
# - **Nothing beyond the labels.** Some frames stand in two classes (Pawłowska
#   et al. 2023). On those no prediction can be right twice.
# - **Nothing from a person's outline.** Its smoothness tells the class better
#   than this network does, since whoever drew it knew the diagnosis. That is
#   why no mask was opened here, and why a model that is given one at test time
#   is given part of the solution.
# - **Nothing about screening.** The images were collected, not drawn from
#   those who come. Sensitivity and specificity may be other ones there, and
#   predictive values will be.
#
# ## Keep what was found
#
# `findings.csv` has one row for each case: its label, the network's
# probabilities, the predicted class, and the confidence. `findings.json` has
# the numbers of this notebook under flat names. An `auc_malignant` has its
# interval in `auc_malignant_low` and `_high`.

# %%
cases = cases.drop(columns="plain").assign(confidence=confidence)
cases = cases.join(fitted.add_prefix("fitted_"))
for name in questions:
    cases[f"flagged_{name.replace(' ', '_')}"] = flagged[name]


# %%
def flat(name, row):
    """Return {name: value, name_low: ..., name_high: ...}, without spaces."""
    name = name.lower().replace(" ", "_")
    ends = {f"{name}_{end}": float(row[end]) for end in ("low", "high")}
    return {name: float(row["value"])} | ends


report = {"simulated": here.data.kind == "phantom", "method_kept": kept}
report |= {"cases": len(cases), "share_to_refer_for_goal": float(needed)}
report |= flat("three class accuracy", accuracy.loc[(kept, "all")])
report |= flat("malignant sensitivity", accuracy.loc[(kept, "malignant")])
report |= flat("gain of fitting", gain)

# %% [markdown]
# The other names are made of the tables' own.
# `malignant_threshold_sensitivity` is that at the chosen threshold,
# `careful_accuracy_malignant` that of the careful method,
# `ece_malignant_uncalibrated` the calibration error of the network's own
# probability of malignant.

# %%
for name, row in aucs.iterrows():
    report |= flat(f"auc {name}", row)
for name, row in operating_points.iterrows():
    report |= flat(name, row)
for (method, label), row in accuracy.iterrows():
    report |= flat(f"{method} accuracy {label}", row)
for (*names, error), number in image_calibration.stack().items():
    key = "_".join([error, *names]).lower().replace(" ", "_")
    report[key] = float(number)
report["referral"] = referral.to_dict("records")

# %%
step.save("findings.csv", cases)
step.save("findings.json", report)
step.save("aucs.csv", aucs.reset_index(names="question"))
points = operating_points.reset_index(names="measure")
step.save("operating_points.csv", points)
step.save("accuracy.csv", accuracy.reset_index(names=["method", "class"]))
step.save("image_calibration.csv", image_calibration.reset_index())
step.save("referral.csv", referral)
step.save("decisions.csv", decisions)
step.finish()

# %% [markdown]
# **You have** reduced a map to one statement, chosen thresholds on validation
# cases and seen what they give elsewhere, let a small model prove itself,
# checked the probabilities, priced the help of a person, and written down what
# may not be concluded.
#
# ## Check yourself
#
# <details><summary>1. A colleague chooses the threshold on the held-out cases and reports its sensitivity there. What is wrong?</summary>
#
# The threshold was fitted to these very cases, chance included. On new ones it
# will give another sensitivity, on average a lower one.
#
# </details>
#
# <details><summary>2. The AUC for "malignant" is 0.9. How many cancers are flagged?</summary>
#
# It does not say. An AUC is about all thresholds at once; only a threshold has
# a sensitivity, and with it comes a specificity.
#
# </details>
#
# <details><summary>3. There are far more training cases. Why is the regression not fitted on them?</summary>
#
# The network has learned them and is too sure of them. The regression would
# learn to trust it more than it deserves on new cases.
#
# </details>
#
# <details><summary>4. The accuracy rises when a third of the cases is referred. Has the model become better?</summary>
#
# No. It predicts the same, but for easier cases. The person gets the difficult
# ones, and may be wrong there, too.
#
# </details>
#
# <details><summary>5. The predicted lesion's outline may be measured, the person's may not. Why?</summary>
#
# The predicted one is there for any new image. The person's is not, and its
# shape tells what the person already knew.
#
# </details>
#
# ## Exercise 1: choose a threshold
#
# Ten malignant and ten benign cases were given these probabilities of
# malignant. A case is flagged from the threshold on. Give a threshold that
# flags nine of the malignant cases and as few of the benign ones as possible.

# %%
print("malignant:", *exercises.MALIGNANT)
print("benign:   ", *exercises.BENIGN)

# %%
my_threshold = ...  # a number from 0 to 1
exercises.check(exercises.threshold_for_nine, my_threshold)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# my_threshold = 0.33
# exercises.check(exercises.threshold_for_nine, my_threshold)
# ```
#
# The ninth malignant case has 0.33, so no higher threshold flags nine. Half of
# the benign cases are flagged as well: that is the price of the ninth.
#
# </details>
#
# ## Exercise 2: of those who are flagged, how many have cancer?
#
# Write a function of the sensitivity, the specificity and the share of people
# who have cancer (the *prevalence*). It returns the *positive predictive
# value*: the share of the flagged who do have cancer.

# %%
predictive_value = ...  # your function of three numbers
exercises.check(exercises.predictive_value, predictive_value)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def predictive_value(sensitivity, specificity, prevalence):
#     found = sensitivity * prevalence
#     return found / (found + (1 - specificity) * (1 - prevalence))
#
#
# exercises.check(exercises.predictive_value, predictive_value)
# ```
#
# At a sensitivity of 0.9 and a specificity of 0.8, two of three who are
# flagged have cancer where three in ten do, and one in 45 where one in 200
# does. The model is the same.
#
# </details>
#
# ## References
#
# - Al-Dhabyani, Gomaa, Khaled, Fahmy: Dataset of breast ultrasound images.
#   Data in Brief 28, 2020, doi
#   [10.1016/j.dib.2019.104863](https://doi.org/10.1016/j.dib.2019.104863)
# - Aumente-Maestro, Diez, Remeseiro: A multi-task framework for breast cancer
#   segmentation and classification in ultrasound imaging. Comput. Methods
#   Programs Biomed. 260, 2025, doi
#   [10.1016/j.cmpb.2024.108540](https://doi.org/10.1016/j.cmpb.2024.108540)
# - Geifman, El-Yaniv: Selective classification for deep neural networks.
#   NeurIPS 2017, doi
#   [10.48550/arXiv.1705.08500](https://doi.org/10.48550/arXiv.1705.08500)
# - Guo, Pleiss, Sun, Weinberger: On calibration of modern neural networks.
#   ICML 2017, doi
#   [10.48550/arXiv.1706.04599](https://doi.org/10.48550/arXiv.1706.04599)
# - Hanley, McNeil: The meaning and use of the area under a receiver operating
#   characteristic (ROC) curve. Radiology 143, 1982, doi
#   [10.1148/radiology.143.1.7063747](https://doi.org/10.1148/radiology.143.1.7063747)
# - Pawłowska, Karwat, Żołek: Letter to the editor on the dataset of breast
#   ultrasound images. Data in Brief 48, 2023, doi
#   [10.1016/j.dib.2023.109247](https://doi.org/10.1016/j.dib.2023.109247)
# - Vickers, Elkin: Decision curve analysis. Med. Decis. Making 26, 2006, doi
#   [10.1177/0272989X06295361](https://doi.org/10.1177/0272989X06295361)
