# %% [markdown]
# # 7. From pixels to findings: normal, benign or malignant?
#
# [![Open in
# Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/breast-ultrasound-notebooks/blob/main/notebooks/07_from_pixels_to_findings.ipynb)
#
# You will turn the network's answers for thousands of pixels into one
# statement on the image, and ask what that statement is worth. All cases are
# held out, and you never open a mask: what you build here must also work on an
# image that nobody has outlined. Only the label of a case (normal, benign,
# malignant) serves as the truth.
#
# **You will** be able to
# - reduce a map of probabilities to one statement on the image,
# - choose a cut where it may be chosen, and report it where it may not,
# - tell whether a small model on top earns its place,
# - check probabilities, and say what it costs to refer the unsure cases to a
#   person,
# - say whether acting on them does more good than harm, and what may not be
#   concluded.
#
# **Takes** under a minute. **Needs** notebooks 2 and 4. **Reads** `folds.csv`,
# `giveaways.csv`, `predictions.npz`, `validation.csv`, `rules.csv`. **Writes**
# `findings.csv`, `findings.json`, and the tables behind them: `aucs.csv`,
# `points.csv`, `statements.csv`, `trust.csv`, `referral.csv`, `decisions.csv`.
#
# > **For teaching and research. This is not a medical device.**

# %% tags=["setup"]
# Setup: the same cell opens every notebook.
import os
import subprocess
import sys
from pathlib import Path

REPO = "https://github.com/OWNER/breast-ultrasound-notebooks"
name = REPO.split("/")[-1]
work = [Path("/kaggle/working"), Path("/content"), Path.cwd()]
clone = next(filter(Path.is_dir, work)) / name
folders = [Path.cwd(), *Path.cwd().parents, clone]
folders.append(Path("/content/drive/MyDrive") / name)
folders += Path("/kaggle/input").glob(f"**/{name}")

marker = "helpers/workspace.py"
if not any(os.path.exists(p / marker) for p in folders):
    # opened alone, as Colab does: fetch the repository once
    subprocess.run(["git", "clone", "-q", "--depth=1", REPO, clone])
    if not clone.is_dir() and clone.parent == work[1]:
        from google.colab import drive  # then it may lie in your Drive

        drive.mount("/content/drive")
found = (p for p in folders if os.path.exists(p / marker))
root = next(found, None)
assert root, f"{name} is neither here nor at {REPO}"
sys.path.insert(0, str(root))

from helpers import workspace

here = workspace.start()

# %% tags=["parameters"]
profile: str = "quick"  # results go to runs/<data>-<profile>/

# %%
import numpy as np
import pandas as pd
from sklearn.metrics import roc_curve

from helpers import exercises, figures
from helpers.evaluation import bootstrap, calibration, classification, leakage

step = here.step("07_from_pixels_to_findings", profile)
predictions = step.read("04_train_the_segmenter", "predictions.npz")
validation = step.read("04_train_the_segmenter", "validation.csv")
rules = step.read("04_train_the_segmenter", "rules.csv").set_index("fold")
folds = step.read("02_prepare_the_masks", "folds.csv")
giveaways = step.read("02_prepare_the_masks", "giveaways.csv")
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
def told_of(i):
    """Return a case's name and the three probabilities of its image."""
    told = "\n".join(f"{k} {cases[k][i]:.2f}" for k in LABELS)
    return f"{cases['case'][i]}, told\n{told}"


some = [rows.index[len(rows) // 2] for _, rows in cases.groupby("label")]
lesion = {told_of(i): 1 - maps[i, ..., 0].astype(np.float32) for i in some}

# %%
figures.show(
    figures.heat(
        lesion,
        f"From a map to a statement ({here.data.kind})",
        "lesion probability",
        scale=(0, 1),
    ),
    alt="Lesion probability maps of "
    + "; ".join(name.replace("\n", ", ") for name in lesion),
)

# %% [markdown]
# ## The plain rule
#
# The simplest statement is the class with the highest probability. Nothing is
# fitted. Expect the confusion between neighbours: faint lesions told normal,
# and benign ones told malignant or the reverse.

# %%
cases["plain"] = cases[LABELS].idxmax(axis=1)
pd.crosstab(cases["label"], cases["plain"])

# %% [markdown]
# Each row is a label, each column what was told. One number does not do
# justice to it, and one cut neither. So first ask how well the probabilities
# *rank* the cases.
#
# ## How well does it rank? ROC and AUC
#
# Call a case when its probability is above a cut. The *sensitivity* is the
# share of those with the finding that are called, the *specificity* the share
# of those without it that are not. Move the cut and you trade one for the
# other: that is the *ROC curve*. The area under it (AUC) is the chance that a
# case with the finding gets a higher probability than one without. A coin has
# 0.5.
#
# The interval is a *bootstrap*, as in notebook 5: draw whole groups of near
# copies again and again, and see where 95 % of the results lie, from `low` to
# `high`. `n` is the number of cases, `value` the AUC.


# %%
def measured(values, statistic=None, chosen=slice(None)):
    """Return {n, value, low, high} over some cases: a 95 % interval by groups."""
    values, group = np.asarray(values)[chosen], cases["group"][chosen]
    found = bootstrap.interval(values, group, statistic, 2000)
    names = ("value", "low", "high")
    return {"n": len(group)} | dict(zip(names, found, strict=True))


def area(rows):
    """Return the AUC of rows of (truth, probability)."""
    return leakage.auc(rows[:, 0], rows[:, 1])


def asked(table):
    """Return {question: (truth, probability)} of a table of cases."""
    ill, sick = table["label"] != "normal", table["label"] == "malignant"
    return {
        "any lesion": (ill.to_numpy(), 1 - table["normal"].to_numpy()),
        "malignant": (sick.to_numpy(), table["malignant"].to_numpy()),
    }


# %%
questions = asked(cases)
ill, sick = (truth for truth, _ in questions.values())
aucs = {k: measured(np.stack(v, 1), area) for k, v in questions.items()}

# %% [markdown]
# A third question is asked of lesion images only: benign or malignant? It is
# the one that papers report when they leave the normal images out. An interval
# that reaches down to 0.5 cannot rule out a coin.

# %%
share = cases["malignant"] / (cases["benign"] + cases["malignant"])
aucs["benign or malignant"] = measured(np.stack([sick, share], 1), area, ill)
aucs = pd.DataFrame(aucs).T.astype({"n": int})
aucs.round(3)

# %% [markdown]
# ## Choose the cut on cases that are not reported
#
# Suppose that 95 of 100 lesions must be called. Which cut does that? Were you
# to choose it on the held-out cases, it would give exactly 95 % there, and
# promise too much. So it comes from the validation part of each fold. For "any
# lesion" notebook 4 has done it: below `image_threshold` it draws no mask. For
# "malignant" you do the same now.
#
# Each validation part has a few malignant cases only. Expect the cuts to
# differ widely between folds, and the sensitivity on held-out cases to miss
# the 95 %.


# %%
def malignant_cut(part):
    """Return the highest cut that calls 95 % of the malignant cases."""
    positive = part["label"] == "malignant"
    if not positive.any():  # a tiny data set: nothing to choose by
        return 0.5
    return calibration.threshold_for_sensitivity(part["malignant"], positive)


# %%
by_fold = validation.groupby("fold")
chosen = {fold: malignant_cut(part) for fold, part in by_fold}
cuts = pd.DataFrame(
    {"any lesion": rules["image_threshold"], "malignant": pd.Series(chosen)}
)
cuts.round(3)

# %% [markdown]
# There is one row for each fold that was trained. Now apply the cuts to the
# held-out cases, which had no say in them. Both rows of *sensitivity* were to
# be 0.95: how far off are they?

# %%
called, points = {}, {}
for name, (truth, told) in questions.items():
    called[name] = told >= cases["fold"].map(cuts[name]).to_numpy()
    points[f"{name} cut sensitivity"] = measured(called[name], chosen=truth)
    points[f"{name} cut specificity"] = measured(~called[name], chosen=~truth)
points = pd.DataFrame(points).T.astype({"n": int})
points.round(3)

# %%
curves = {k: roc_curve(*pair)[:2] for k, pair in questions.items()}
value = points["value"]
marks = {
    k: (1 - value[f"{k} cut specificity"], value[f"{k} cut sensitivity"])
    for k in questions
}
auc = ", ".join(f"{k} {v:.2f}" for k, v in aucs["value"].items())

# %%
title = f"ROC curves and the chosen cuts ({here.data.kind})"
figures.show(figures.roc(curves, marks, title), alt=f"ROC curves, AUC: {auc}.")

# %% [markdown]
# A diamond need not lie on its curve: each fold has its own cut, and the curve
# has one. Read both numbers of a diamond together. A high sensitivity alone is
# had by calling everybody.
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
# Before you look, fix the rule: it replaces the plain one only if it names
# more cases rightly, by more than chance explains.

# %%
fitted = np.zeros((len(cases), 3))
for fold, part in cases.groupby("fold"):
    own = by_fold.get_group(fold)
    fitted[part.index] = classification.logistic_regression(own, part)
fitted = pd.DataFrame(fitted, columns=LABELS)

# %% [markdown]
# A third way uses the two cuts from above. *Careful*: malignant if "malignant"
# is called, else normal if "any lesion" is not, else benign. On the real
# images, expect it to miss few malignant cases and to alarm many others. With
# a cut from a few simulated cases it may come out the other way.

# %%
careful = [called["malignant"], ~called["any lesion"]]
ways = {
    "plain": cases["plain"],
    "fitted": fitted.idxmax(axis=1),
    "careful": np.select(careful, ["malignant", "normal"], "benign"),
}

# %%
right = {name: told == cases["label"] for name, told in ways.items()}
parts = {"all": np.ones(len(cases), bool)}
parts |= {label: (cases["label"] == label).to_numpy() for label in LABELS}
statements = pd.concat(
    {
        way: bootstrap.by_subgroup(right[way], cases["group"], parts)
        for way in ways
    }
)
statements["value"].unstack().round(3)

# %% [markdown]
# Each number is a share of cases named rightly: of all, and of each class
# alone. Here is the comparison that was fixed above: the share of cases that
# the fitted model names rightly, less that of the plain rule, over the same
# cases.

# %%
gain = measured(right["fitted"] * 1.0 - right["plain"])
kept = "fitted" if gain["low"] > 0 else "plain"
told = {"plain": cases[LABELS], "fitted": fitted}[kept]
cases["told"] = ways[kept]
print("gain {value:+.3f} ({low:+.3f} to {high:+.3f})".format(**gain))
print(f"kept for the rest of this notebook: {kept}")

# %% [markdown]
# If it is the plain rule, remember why. The network was trained to answer this
# question too: its loss has a part for the whole image. A few dozen cases can
# hardly improve on hundreds.
#
# ## Who is mistaken for whom?
#
# The share of cases named rightly, the *accuracy*, treats all mistakes alike.
# A patient does not: a cancer told benign is another mistake than a cyst told
# malignant.

# %%
counts = pd.crosstab(cases["label"], cases["told"])
counts = counts.reindex(index=LABELS, columns=LABELS, fill_value=0)

# %%
title = f"What was told ({kept}, {here.data.kind})"
figures.show(
    figures.confusion(counts, title),
    alt=f"Rows normal, benign, malignant: {counts.to_numpy().tolist()}",
)

# %%
goals = {"all": 0.85, "malignant": 0.90}
for part, goal in goals.items():
    found = statements.loc[(kept, part)]
    ends = f"{found['low']:.2f} to {found['high']:.2f}"
    print(f"{part}: {found['value']:.2f} ({ends}), aimed for {goal:.2f}")

# %% [markdown]
# These were our goals before the first run. The table of the three ways tells
# what it costs to come near the second alone. On the real images the careful
# way finds more of the malignant cases than the plain rule, and names far
# fewer of all cases rightly (`statements.csv` in `results/`). Simulated images
# need not repeat that. On a cleaned part of BUSI, Aumente-Maestro et al.
# (2025) reached 0.80 for all, with cross-validation as here.
#
# ## Can you believe the probabilities?
#
# Of the images told "malignant 0.3", three in ten should be malignant. The
# *expected calibration error* (ECE) is the mean gap between what was told and
# what came true, as in notebook 5, and the *Brier score* the mean squared
# distance from the truth: 0 is perfect, lower is better.
#
# Two ways may mend it, each fitted on the validation part of its fold: a
# *temperature*, which makes all answers more or less sure (Guo et al. 2017),
# and the regression from above. Beside them stands what you get by telling
# every case the same: the share.


# %%
def cooled(name):
    """Return a question's probabilities after each fold's own temperature."""
    found = np.zeros(len(cases))
    for fold, part in cases.groupby("fold"):
        truth, told = asked(by_fold.get_group(fold))[name]
        temperature = calibration.fit_temperature(told, truth)
        found[part.index] = calibration.rescale(
            asked(part)[name][1], temperature
        )
    return found


# %%
by_regression = asked(fitted.assign(label=cases["label"]))
answers = {
    (name, way): (truth, given)
    for name, (truth, told) in questions.items()
    for way, given in {
        "own": told,
        "temperature": cooled(name),
        "regression": by_regression[name][1],
        "the share": np.full(len(told), truth.mean()),
    }.items()
}

# %%
trust = {
    key: {
        "ECE": calibration.calibration_error(given, truth, 10),
        "Brier": np.mean((given - truth) ** 2),
    }
    for key, (truth, given) in answers.items()
}
trust = pd.DataFrame(trust).T.rename_axis(["question", "probabilities"])
trust.round(3)

# %% [markdown]
# The share is perfectly calibrated and useless: a low ECE alone does not make
# a good model, so read it beside the Brier score. A model whose Brier score is
# above that of the share says less than one number for everybody would. The
# diagram shows where "malignant" is told too often or too seldom.

# %%
curves = {"as it should be": ([0, 1], [0, 1])}
for way in ("own", "temperature", "regression"):
    truth, given = answers["malignant", way]
    bins = calibration.reliability(given, truth, 10)
    curves[way] = (bins["confidence"], bins["accuracy"])

# %%
title = f"Reliability of 'malignant' ({here.data.kind})"
axes = ("probability of malignant", "share that is malignant")
figures.show(
    figures.lines(curves, *axes, title, marker="o"),
    alt=f"ECE of malignant: {trust['ECE']['malignant'].round(3).to_dict()}",
)

# %% [markdown]
# With few cases in a bin its point jumps, and the ECE comes out a little too
# high even for perfect probabilities.
#
# ## Refer the unsure ones to a person
#
# A model need not answer always. Let the highest of its three probabilities be
# its *confidence*, and refer the least sure cases to a person. The *coverage*
# is the share of cases that it still answers. Expect fewer errors among the
# rest: if there are not, its confidence is worth nothing. The price is the
# person's time.

# %%
confidence = told.max(axis=1)
wrong = (cases["told"] != cases["label"]).to_numpy()
coverage, risk = calibration.risk_coverage(confidence, wrong)
best = calibration.risk_coverage(1.0 - wrong, wrong)[1]
half = risk[(len(risk) - 1) // 2]

# %%
title = f"What it costs to be surer ({here.data.kind})"
figures.show(
    figures.referral(coverage, risk, best, title),
    alt=f"Errors among the rest: {wrong.mean():.2f} if none is referred, "
    f"{half:.2f} if the less sure half is.",
)

# %% [markdown]
# In practice you would set a limit and refer whatever is below it. These
# limits were not fitted to anything. Where few cases are left, the accuracy
# jumps; where none is, or all come from one group, there is `NaN`. Look at the
# last column, too: malignant cases that are told something else and are *not*
# referred. These are the costly ones.


# %%
def below(limit):
    """Return what happens if cases of less confidence are referred."""
    rest = (confidence >= limit).to_numpy()
    found = measured(~wrong, chosen=rest)
    return {
        "refer below": limit,
        "share referred": 1 - rest.mean(),
        "accuracy of the rest": found["value"],
        "low": found["low"],
        "high": found["high"],
        "errors left": (wrong & rest).sum(),
        "malignant missed": (wrong & rest & sick).sum(),
    }


referral = pd.DataFrame(map(below, (0, 0.5, 0.6, 0.7, 0.8, 0.9)))
referral.round(3)

# %% [markdown]
# How many must be referred until 85 % of the rest are named rightly? (100 %
# means that no limit does it.)

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
# found, less the needless biopsies weighted by these odds, for each case. It
# is compared with a biopsy for everybody and for nobody. A model helps at
# those *t* where its curve is the highest.

# %%
limits = np.arange(1, 31) / 50
decisions = calibration.net_benefit(told["malignant"], sick, limits)
ahead = decisions["model"] > decisions["all"].clip(lower=0)
helps = f"at {ahead.sum()} of {len(limits)} probabilities"
print(f"the model is ahead {helps} from {limits[0]} to {limits[-1]}")

# %%
figures.show(
    figures.decision(decisions, f"Decision curve ({here.data.kind})"),
    alt=f"The model's net benefit is highest {helps}.",
)

# %% [markdown]
# The share of cancers in these images is far above that of a screening clinic.
# There, the same model would alarm mostly in vain, and the curve would be
# another one. Exercise 2 asks by how much.
#
# ## What may not be concluded
#
# Before you quote any number of this notebook, look at the data that they rest
# on.

# %%
labels = folds.groupby("group")["label"].nunique()
alone = giveaways.set_index("alone")["value"]
print(f"cases: {len(folds)}, groups of near copies: {len(labels)}")
print(f"groups that stand in more than one class: {(labels > 1).sum()}")
print(f"AUC from the picture's size alone: {alone['picture size']:.2f}")
print(f"AUC from the person's outline alone: {alone['outline: solidity']:.2f}")

# %% [markdown]
# - **Nothing about patients.** The set has no patient numbers. Near copies
#   stay together here, but two unlike frames of one woman may be on both
#   sides. So the intervals are rather too narrow, and the values rather too
#   good.
# - **Nothing about other hospitals.** All images come from one centre
#   (Al-Dhabyani et al.
# 2020), and on the real images the size of the picture already hints at the
# class (simulated ones have no such hint). A network may learn such hints, and
# they do not travel.
# - **Nothing beyond the labels.** Some frames stand in two classes (Pawlowska
#   et al. 2023). On those no answer can be right twice.
# - **Nothing from a person's outline.** Its smoothness tells the class better
#   than this network does, since whoever drew it knew the diagnosis. That is
#   why no mask was opened here, and why a model that is given one at test time
#   is told part of the answer.
# - **Nothing about screening.** The images were collected, not drawn from
#   those who come. Sensitivity and specificity may be other ones there, and
#   predictive values will be.
#
# ## Keep what was found
#
# `findings.csv` has one row for each case: its label, what the network said,
# what was told, and the confidence. `findings.json` has the numbers of this
# notebook under flat names. An `auc_malignant` has its interval in
# `auc_malignant_low` and `_high`.

# %%
cases = cases.drop(columns="plain").assign(confidence=confidence)
cases = cases.join(fitted.add_prefix("fitted_"))
for name in questions:
    cases[f"called_{name.replace(' ', '_')}"] = called[name]


# %%
def flat(name, found):
    """Return {name: value, name_low: ..., name_high: ...}, without spaces."""
    name = name.lower().replace(" ", "_")
    ends = {f"{name}_{end}": float(found[end]) for end in ("low", "high")}
    return {name: float(found["value"])} | ends


report = {"simulated": here.data.kind == "phantom", "way_kept": kept}
report |= {"cases": len(cases), "share_to_refer_for_goal": float(needed)}
report |= flat("three class accuracy", statements.loc[(kept, "all")])
report |= flat("malignant sensitivity", statements.loc[(kept, "malignant")])
report |= flat("gain of fitting", gain)

# %% [markdown]
# The other names are made of the tables' own. `malignant_cut_sensitivity` is
# that at the chosen cut, `careful_right_of_malignant` that of the careful way,
# `ece_malignant_own` the calibration error of the network's own probability of
# malignant.

# %%
for name, found in aucs.iterrows():
    report |= flat(f"auc {name}", found)
for name, found in points.iterrows():
    report |= flat(name, found)
for (way, part), found in statements.iterrows():
    report |= flat(f"{way} right of {part}", found)
for (*names, what), value in trust.stack().items():
    key = "_".join([what, *names]).lower().replace(" ", "_")
    report[key] = float(value)
report["referral"] = referral.to_dict("records")

# %%
step.save("findings.csv", cases)
step.save("findings.json", report)
step.save("aucs.csv", aucs.reset_index(names="question"))
step.save("points.csv", points.reset_index(names="share"))
step.save("statements.csv", statements.reset_index(names=["way", "right of"]))
step.save("trust.csv", trust.reset_index())
step.save("referral.csv", referral)
step.save("decisions.csv", decisions)
step.finish()

# %% [markdown]
# **You have** reduced a map to one statement, chosen cuts on validation cases
# and seen what they give elsewhere, let a small model prove itself, checked
# the probabilities, priced the help of a person, and written down what may not
# be concluded.
#
# ## Check yourself
#
# <details><summary>1. A colleague chooses the cut on the held-out cases and reports its sensitivity there. What is wrong?</summary>
#
# The cut was fitted to these very cases, chance included. On new ones it will
# give another sensitivity, on average a lower one.
#
# </details>
#
# <details><summary>2. The AUC for "malignant" is 0.9. How many cancers are called?</summary>
#
# It does not say. An AUC is about all cuts at once; only a cut has a
# sensitivity, and with it comes a specificity.
#
# </details>
#
# <details><summary>3. There are far more training cases. Why is the regression not fitted on them?</summary>
#
# The network has learnt them and is too sure of them. The regression would
# learn to trust it more than it deserves on new cases.
#
# </details>
#
# <details><summary>4. The accuracy rises when a third of the cases is referred. Has the model become better?</summary>
#
# No. It answers the same, but to easier cases. The person gets the difficult
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
# ## Exercise 1: choose a cut
#
# Ten malignant and ten benign cases were given these probabilities of
# malignant. A case is called from the cut on. Give a cut that calls nine of
# the malignant cases and as few of the benign ones as possible.

# %%
print("malignant:", *exercises.MALIGNANT)
print("benign:   ", *exercises.BENIGN)

# %%
my_cut = ...  # a number from 0 to 1
exercises.check(exercises.cut_for_nine, my_cut)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# my_cut = 0.33
# exercises.check(exercises.cut_for_nine, my_cut)
# ```
#
# The ninth malignant case has 0.33, so no higher cut calls nine. Half of the
# benign cases are called as well: that is the price of the ninth.
#
# </details>
#
# ## Exercise 2: of those who are called, how many are ill?
#
# Write a function of the sensitivity, the specificity and the share of people
# who are ill (the *prevalence*). It returns the share of the *called* who are
# ill, the *positive predictive value*.

# %%
share_ill = ...  # your function of three numbers
exercises.check(exercises.predictive_value, share_ill)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def share_ill(sensitivity, specificity, prevalence):
#     found = sensitivity * prevalence
#     return found / (found + (1 - specificity) * (1 - prevalence))
#
#
# exercises.check(exercises.predictive_value, share_ill)
# ```
#
# At a sensitivity of 0.9 and a specificity of 0.8, two of three who are called
# are ill where three in ten are, and one in 45 where one in 200 is. The model
# is the same.
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
