# %% [markdown]
# # 7. From pixels to findings: normal, benign or malignant?
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/breast-ultrasound-notebooks/blob/main/notebooks/07_from_pixels_to_findings.ipynb)
#
# You will turn the network's predictions for thousands of pixels into one
# statement on the image, and ask what that statement is worth. All cases are
# held out, and you never open a mask: what you build must also work on an
# image that nobody has outlined. The *ground truth* is the label of a case.
#
# **You will** be able to
# - reduce a map of probabilities to one statement on the image,
# - choose a threshold where it may be chosen, and report it where it may not,
# - tell whether a small model on top earns its place,
# - say what it costs to refer the unsure cases to a person,
# - say whether acting does more good than harm, and what is not shown.
#
# **Takes** under a minute. **Needs** notebooks 2 and 4. **Reads** `folds.csv`,
# `shortcuts.csv`, `predictions.npz`, `validation.csv`. **Writes**
# `findings.csv`, `findings.json`, and the tables behind them: `aucs.csv`,
# `operating_points.csv`, `accuracy.csv`, `image_calibration.csv`,
# `referral.csv`, `decisions.csv`.
#
# > **For teaching and research. This is not a medical device.**

# %% tags=["setup"]
import os  # Setup: the same cell opens every notebook.
import sys

REPO = "https://github.com/OWNER/breast-ultrasound-notebooks"
name = os.path.basename(REPO)
homes = [".", "..", name, f"/content/drive/MyDrive/{name}"]
found = [h for h in homes if os.path.exists(f"{h}/tools/setup_env.py")]
fetch = f"git init -q {name} && cd {name} && rm -f .git/*.lock && git fetch "
fetch += f"-q --depth=1 {REPO} && git checkout -qf FETCH_HEAD"
if not found and os.system(fetch):
    try:
        __import__("google.colab.drive").colab.drive.mount("/content/drive")
        os.stat(f"{homes[-1]}/helpers")
    except Exception:
        sys.exit(f"{REPO} was not reached (see above), nor found in Drive.")
sys.path[:0] = map(os.path.abspath, found or homes[2:])
here = __import__("helpers").start()

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
# How sure is the network of *any* lesion in the image? The mean over all
# pixels will not do: a small lesion would drown. Nor will the highest: one odd
# pixel would decide. `classification.image_probabilities` takes a mean in
# which each pixel's lesion probability is weighted by its own square (a
# *Lehmer mean*): with $p$ for each pixel, $\sum p^3 / \sum p^2$. It lies near
# that of the surest pixels, whatever the size of the lesion. Benign and
# malignant then share it in proportion to the sums of their probabilities.
#
# `classification.image_features` also measures the lesion that the network
# *predicts*: its `area` (as a share of the network's square), `solidity` (the
# share of a rubber band around it that it fills) and `circularity` (1 for a
# circle). Predicted here means a lesion probability above one half, of any
# size; notebook 5 used the fitted rule. A solidity near 0 means specks far
# apart. Where nothing is predicted the area is 0 and the shape counts as
# smooth, 1.

# %%
maps = predictions["probabilities"]
known = pd.DataFrame({k: predictions[k] for k in ("case", "fold")})
known = known.merge(folds[["case", "label", "group"]], "left", on="case")
cases = known.join(pd.DataFrame(map(classification.image_features, maps)))
print(f"{len(cases)} held-out cases, {here.data.kind}")
cases.drop(columns=["fold", "group"]).head().round(3)

# %% [markdown]
# Look at one case of each class: its map, and what became of it.

# %%
some = [rows.index[len(rows) // 2] for _, rows in cases.groupby("label")]
said = {i: cases.loc[i, LABELS].astype(float).round(2) for i in some}
titles = {i: f"{cases['case'][i]}\n{said[i].to_string()}" for i in some}
shown = {titles[i]: 1 - maps[i, ..., 0].astype(np.float32) for i in some}

# %% tags=["hide-input"]
title = f"From a map to a statement ({here.data.kind})"
figure = figures.heat(shown, title, "lesion probability", scale=(0, 1))
alt = "Lesion probability maps of " + "; ".join(shown).replace("\n", ", ")
figures.show(figure, alt=alt)

# %% [markdown]
# ## The plain rule
#
# The simplest statement is the class with the highest probability. Nothing is
# fitted, not even the rule for masks, by which notebook 5 called an image
# normal. Expect the confusion between neighbours: faint lesions predicted
# normal, benign ones predicted malignant, or the reverse of either.

# %%
cases["plain"] = cases[LABELS].idxmax(axis=1)
pd.crosstab(cases["label"], cases["plain"])

# %% [markdown]
# Each row is a label, each column a prediction. This is one way to decide, of
# many. So first ask how well the probabilities *rank* the cases.
#
# ## How well does it rank? ROC and AUC
#
# Choose a *threshold*, and *flag* a case (count it as positive) when its
# probability is at or above it. The *sensitivity* is the share of those with
# the finding that are flagged, the *specificity* the share of those without it
# that are not. Move the threshold and you trade one for the other: that is the
# *ROC curve*. The area under it (AUC) is the chance that a case with the
# finding gets a higher probability than one without; 0.5 is guessing.
#
# The interval, from `low` to `high`, is a *bootstrap* over groups of near
# copies, as in notebook 5. `n` is the number of cases, `value` the AUC.

# %%
from helpers.evaluation import bootstrap

group, everyone = cases["group"], np.ones(len(cases), bool)
questions = classification.questions(cases)
has_lesion, is_malignant = (pair[0] for pair in questions.values())
asked = {name: (pair, everyone) for name, pair in questions.items()}

# %% [markdown]
# A third question is asked of lesion images only: benign or malignant? It is
# the one that papers report when they leave the normal images out. An interval
# that reaches down to 0.5 cannot rule out chance.

# %%
either = cases["benign"] + cases["malignant"]
share = cases["malignant"] / either.clip(lower=1e-12)  # 0 of 0 counts 0
asked["benign or malignant"] = (is_malignant, share), has_lesion
areas = []
for name, (pair, part) in asked.items():
    how = {name: part}, bootstrap.auc, 2000
    areas.append(bootstrap.by_subgroup(np.stack(pair, 1), group, *how))
aucs = pd.concat(areas)
aucs.round(3)

# %% [markdown]
# ## Choose the threshold on cases that are not reported
#
# Suppose that 95 of 100 lesions must be flagged. Which threshold does that?
# Were you to choose it on the held-out cases, it would give exactly 95 %
# there, and promise too much. So it comes from the validation part of each
# fold. That has a few malignant cases only, so thresholds of several folds may
# differ widely, and the sensitivity on held-out cases may miss the 95 %.

# %%
from helpers.evaluation import calibration

by_fold, chosen = validation.groupby("fold"), {}
for fold, part in by_fold:
    for name, (true, p) in classification.questions(part).items():
        t = calibration.threshold_for_sensitivity(p, true, otherwise=0.5)
        chosen.setdefault(name, {})[fold] = t
        below = f"{(p[true] < t).sum()} of its {true.sum()} validation cases"
        print(f"fold {fold}, {name}: flag from {t:.3f} on; {below} lie below")

# %% [markdown]
# Where none lies below, the threshold is simply the lowest probability of a
# handful of cases: one odd case decides. Now apply the thresholds to the
# held-out cases, which had no say in them. Both rows of *sensitivity* were to
# be 0.95: how far off are they? Where 0.95 lies inside the interval, these
# cases do not show that it was missed.

# %%
flagged, points = {}, []
for name, (ground_truth, p) in questions.items():
    flagged[name] = p >= cases["fold"].map(chosen[name]).to_numpy()
    parts = {f"{name} threshold sensitivity": ground_truth}
    parts[f"{name} threshold specificity"] = ~ground_truth
    right = flagged[name] == ground_truth
    points.append(bootstrap.by_subgroup(right, group, parts))
operating_points = pd.concat(points)
operating_points.round(3)

# %%
from sklearn.metrics import roc_curve

curves = {k: roc_curve(*pair)[:2] for k, pair in questions.items()}
pairs = zip(curves, (table["value"] for table in points), strict=True)
diamonds = {k: (1 - v.iloc[1], v.iloc[0]) for k, v in pairs}
listed = ", ".join(f"{k} {aucs.loc[k, 'value']:.2f}" for k in curves)

# %% tags=["hide-input"]
title = f"ROC curves and the chosen thresholds ({here.data.kind})"
figure = figures.roc(curves, diamonds, title)
figures.show(figure, alt=f"ROC curves, AUC: {listed}.")

# %% [markdown]
# With several folds a diamond need not lie on its curve: each fold has its own
# threshold. Read both numbers of a diamond together. A high sensitivity alone
# is had by flagging everybody. And an interval from 1.000 to 1.000 is no
# certainty: with no error in n cases, up to about 3 / n may still be wrong
# (the *rule of three*).
#
# ## Does a small model on top earn its place?
#
# The plain rule ignores the predicted lesion's size and shape. A *logistic
# regression* may weigh them: it adds up numbers, each times a weight of its
# own, and turns the sum into probabilities.
# `classification.logistic_regression` fits one for each fold, on that fold's
# validation part alone, to five numbers: how sure the network is of a lesion
# and of malignancy, and the predicted area, solidity and circularity. Before
# you look, fix what follows: nothing, here. The plain rule stays to the end of
# this notebook. Were the better of the two kept, held-out cases would have
# chosen it, and its score on them would flatter it.

# %%
regression = classification.logistic_regression
fitted = classification.by_fold(regression, validation, cases)

# %% [markdown]
# A third method, *careful*, uses the thresholds from above: malignant if
# "malignant" is flagged, else normal if "any lesion" is not, else benign. Is
# it as careful as its name? That hangs on few validation cases.

# %%
careful = [flagged["malignant"], ~flagged["any lesion"]]
methods = {
    "plain": cases["plain"],
    "fitted": fitted.idxmax(axis=1),
    "careful": np.select(careful, ["malignant", "normal"], "benign"),
}

# %% [markdown]
# **Predict, then run.** How many cases does the fitted model classify
# correctly: more than the plain rule, as many, or fewer? The next cell tells,
# by class, and in the row of `all`.

# %%
correct = {k: classes == cases["label"] for k, classes in methods.items()}
parts = {"all": everyone}
parts |= {label: (cases["label"] == label).to_numpy() for label in LABELS}
by = {k: bootstrap.by_subgroup(v, group, parts) for k, v in correct.items()}
accuracy = pd.concat(by)
found = accuracy["value"].xs("malignant", level=1)
more = "more" if found["careful"] > found["plain"] else "no more"
print(f"'careful' finds {more} of the malignant cases than 'plain'")
accuracy["value"].unstack().round(3)

# %% [markdown]
# Each number is a share of correctly classified cases. Is the difference more
# than chance? Here is the share of the fitted model minus that of the plain
# rule, over the same cases.

# %%
more = correct["fitted"] * 1.0 - correct["plain"]
gain = bootstrap.by_subgroup(more, group, {"gain of fitting": everyone})
n, value, low, high = gain.iloc[0]
shown = "better" if low > 0 else "worse" if high < 0 else ""
verdict = f"shown {shown}" if shown else "no difference shown"
print(f"gain {value:+.3f} ({low:+.3f} to {high:+.3f}): {verdict}")

# %% [markdown]
# *No difference shown* is not *no difference*: the interval tells what these
# cases allow.
#
# ## Who is mistaken for whom?
#
# The *accuracy* treats all mistakes alike. A patient does not: a cancer
# predicted benign is another mistake than a cyst predicted malignant.

# %%
counts = pd.crosstab(cases["label"], cases["plain"])
counts = counts.reindex(index=LABELS, columns=LABELS, fill_value=0)

# %% tags=["hide-input"]
title = f"What was predicted ({here.data.kind})"
alt = f"Rows normal, benign, malignant: {counts.to_numpy().tolist()}"
figures.show(figures.confusion(counts, title), alt=alt)

# %%
goals = {"all": 0.85, "malignant": 0.90}
reached = accuracy.loc["plain"].loc[list(goals)]
reached.assign(goal=list(goals.values())).round(2)

# %% [markdown]
# These were our goals for real images, before the first run; on simulated ones
# they say nothing. On a cleaned part of BUSI, Aumente-Maestro et al. (2025)
# reached 0.80 for all, with cross-validation: every fold held out once.
#
# ## Can you believe the probabilities?
#
# Of the images with a predicted "malignant 0.3", three in ten should be
# malignant. The *expected calibration error* (ECE) is the mean gap between
# what was predicted and what came true, and the *Brier score* the mean squared
# distance from the ground truth, as in notebook 6: lower is better. Two
# methods may correct it, each fitted on the validation part of its fold:
# *temperature scaling* (Guo et al. 2017), and the logistic regression from
# above. Beside them stands what you get by predicting the same for every case:
# the *base rate*, that is, the share of cases with the finding.


# %%
by_regression = classification.questions(fitted.assign(label=cases["label"]))
versions = {}
for name, (ground_truth, probability) in questions.items():
    fit = {}
    for fold, part in by_fold:
        true, p = classification.questions(part)[name]
        fit[fold] = calibration.fit_temperature(p, true)
    scaled = calibration.rescale(probability, cases["fold"].map(fit))
    versions[name, "uncalibrated"] = probability
    versions[name, "temperature-scaled"] = scaled
    versions[name, "logistic regression"] = by_regression[name][1]
    versions[name, "base rate"] = np.full(len(cases), ground_truth.mean())

# %%
errors = {}
for (name, version), p in versions.items():
    ece = calibration.calibration_error(p, questions[name][0], 10)
    brier = np.mean((p - questions[name][0]) ** 2)
    errors[name, version] = {"ECE": ece, "Brier": brier}
image_calibration = pd.DataFrame(errors).T
image_calibration.index.names = ["question", "probabilities"]
image_calibration.round(3)

# %% [markdown]
# The base rate is perfectly calibrated (it was taken from these very cases)
# and useless: a low ECE alone does not make a good model. One whose Brier
# score is above that of the base rate is, taken at its word, worse than one
# number for everybody. A reliability diagram shows where "malignant" is
# predicted too often or too seldom. A bin of a handful of cases only jumps, so
# those below 20 are left out. (For the same reason the ECE comes out too high
# with few cases.)

# %%
FEW, curves = 20, {"as it should be": ([0, 1], [0, 1])}
for version in ("uncalibrated", "temperature-scaled", "logistic regression"):
    p = versions["malignant", version]
    bins = calibration.reliability(p, is_malignant, 10, least=FEW)
    curves[version] = bins["confidence"], bins["accuracy"]

# %%
title = f"Reliability of 'malignant' ({here.data.kind})"
axes = "probability of malignant", "share that is malignant"
n_bins = len(curves["uncalibrated"][0])
if n_bins > 2:
    figures.show_lines(curves, *axes, title, marker="o")
p = versions["malignant", "uncalibrated"]
verdict = "" if n_bins > 2 else ", too few for a curve"
print(f"bins that hold at least {FEW} cases: {n_bins}{verdict}")
print(f"below 0.1 or above 0.9: {((p < 0.1) | (p > 0.9)).sum()} of {len(p)}")

# %% [markdown]
# ## Refer the unsure ones to a person
#
# Let the highest of the three probabilities be the model's *confidence*, and
# refer the least sure cases to a person. The *coverage* is the share of cases
# that the model still decides. Expect fewer errors among these: if not, its
# confidence is worth nothing. Read the right end of the curve, too, where most
# are referred: an error that is left there is sure and wrong.

# %%
confidence = cases[LABELS].max(axis=1)
wrong = (cases["plain"] != cases["label"]).to_numpy()
coverage, risk = calibration.risk_coverage(confidence, wrong)
best = calibration.risk_coverage(1.0 - wrong, wrong)[1]
many = np.arange(1, len(risk) + 1) >= FEW  # where enough cases are left

# %%
title = f"What it costs to be surer ({here.data.kind})"
alt = f"Errors among the rest, from {wrong.mean():.2f} if none is referred."
if many.any():
    left = coverage[many], risk[many], best[many]
    figures.show(figures.referral(*left, title), alt=alt)
print(f"drawn as long as {FEW} of the {len(cases)} cases are left")

# %% [markdown]
# Which errors would stay longest? An overlooked lesion looks like a sure
# *normal*, and no limit refers it. But whose error is it? Where a near copy
# stands in another class (*doubtful*), the label may be the one that is wrong.

# %%
several = folds.groupby("group")["label"].nunique() > 1
doubtful = group.map(several).to_numpy()
surest = confidence[wrong].nlargest(3)
told = cases.assign(doubtful=doubtful, confidence=confidence.round(3))
told.loc[surest.index, ["case", "label", "plain", "confidence", "doubtful"]]

# %%
overlooked = is_malignant & wrong
print(f"malignant by label, predicted otherwise: {overlooked.sum()}")
print(f"of these with a doubtful label: {(overlooked & doubtful).sum()}")

# %% [markdown]
# In practice you would set a limit and refer whatever is below it. Look at the
# last column, too: malignant cases that are predicted as something else and
# are *not* referred. Where the label is right, these are the costly ones.

# %%
limits = (0, 0.5, 0.6, 0.7, 0.8, 0.9)
inputs = confidence, wrong, is_malignant, group
referral = calibration.referral(*inputs, limits)
left = len(cases) * (1 - referral["share referred"])
print(f"{(left < FEW).sum()} limits leave fewer than {FEW} cases: not shown")
referral[left >= FEW].round(3)

# %% [markdown]
# How many must be referred until 85 % of the rest are correctly classified?
# (This is read off the cases that are reported, so it promises a little too
# much: to use a limit, choose it on the validation part.)

# %%
enough = coverage[1 - risk >= goals["all"]]
needed = 1 - enough.max() if len(enough) else 1.0
said = f"the least sure {round(needed * len(cases))} of {len(cases)} cases"
print(said if needed else "none: enough are right as it is")

# %% [markdown]
# ## Does acting on it help?
#
# Suppose that every *lesion* above a probability *t* gets a biopsy. (A normal
# image shows nothing to take one of.) Whoever acts at *t* = 0.1 accepts nine
# needless biopsies for one cancer, for that is what the odds of 1 to 9 mean.
# The *net benefit* counts cancers found, minus the needless biopsies weighted
# by these odds, divided by the number of cases. The most possible is the share
# of cancers. A model helps at those *t* where its curve lies above that of a
# biopsy for every lesion, and for none.

# %%
p, ill = cases["malignant"][has_lesion], is_malignant[has_lesion]
limits = np.arange(1, 31) / 50
decisions = calibration.net_benefit(p, ill, limits)
found, needless = ((p >= 0.1) & true for true in (ill, ~ill))
sums = f"({found.sum()} - {needless.sum()} * 1/9) / {len(p)}"
value = (found.sum() - needless.sum() / 9) / len(p)
print(f"at t = 0.1 the model's net benefit is {sums} = {value:.2f}")

# %%
ahead = decisions["model"] > decisions["all"].clip(lower=0)
helps = f"at {ahead.sum()} of {len(limits)} probabilities"
print(f"the model is ahead {helps} from {limits[0]} to {limits[-1]}")

# %% tags=["hide-input"]
title = f"Decision curve ({here.data.kind})"
alt = f"The model's net benefit is highest {helps}."
figures.show(figures.decision(decisions, title), alt=alt)

# %% [markdown]
# That counts estimates, and takes the uncalibrated probabilities at their
# word. And which *t* do doctors use? BI-RADS advises a biopsy above a
# probability of 2 %, and to wait and look again up to it. There, each benign
# lesion that the model spares a biopsy gains 2/98, and each cancer takes 1
# away. Expect little: nearly everything is above so low a threshold.

# %%
spared = (p < 0.02) * np.where(ill, -1, 2 / 98)
ends = bootstrap.interval(spared, group[has_lesion])
text = "{:+.4f} ({:+.4f} to {:+.4f})".format(*ends)
print(f"at 2 %, the model minus a biopsy for every lesion: {text}")

# %% [markdown]
# Cancer is far commoner in these images than in a screening clinic. There,
# most alarms of the same model would be *false positives* (flagged, but
# without the finding). Exercise 2 asks how many.
#
# ## What may not be concluded
#
# Before you quote a number, look at the data that it rests on.

# %%
print(f"{several.sum()} of {len(several)} groups stand in two classes")
network = "the network, benign or malignant"
auc = shortcuts.set_index("feature")[["value", "low", "high"]]
auc.loc[network] = aucs.loc["benign or malignant"]
auc.loc[["picture size", "outline: solidity", network]].round(2)

# %% [markdown]
# - **Nothing about patients.** The set has no patient numbers: two unlike
#   frames of one woman may be on both sides of the split. So the intervals are
#   rather too narrow, and the values rather too good.
# - **Nothing about other hospitals.** All images come from one centre
#   (Al-Dhabyani et al. 2020). Where the size of the picture hints at the class
#   (its interval, above, lies above 0.5; below 0.5 it is chance, as notebook 2
#   tells), a network may learn it, and such hints do not travel.
# - **Nothing beyond the labels.** The files of BUSI do not say how a class was
#   established: by biopsy, by waiting, or by eye. Some frames stand in two
#   classes (Pawłowska et al. 2023). On those no prediction can be right twice.
# - **Nothing from a person's outline.** Whoever drew it may have known the
#   diagnosis: notebook 2 compares the outlines of frames that stand in two
#   classes. (A simulated outline has the shape that the program gave its
#   class.) So no mask was opened here: a model that is given one at test time
#   may be given part of the solution.
# - **Nothing about screening.** The images were collected, not drawn from
#   those who come. Each is a frame that somebody chose to keep, mostly after
#   finding the lesion. An examination shows thousands of frames, so a share of
#   false positives *by image* says nothing of how many women are called back.
#
# ## Keep what was found
#
# `findings.csv` has one row for each case, `findings.json` the numbers of this
# notebook under flat names: an `auc_malignant` has its interval in
# `auc_malignant_low` and `_high`.

# %% tags=["hide-input"]
cases = cases.rename(columns={"plain": "predicted"})
cases = cases.assign(confidence=confidence)
cases = cases.join(fitted.add_prefix("fitted_"))
for name in questions:
    cases[f"flagged_{name.replace(' ', '_')}"] = flagged[name]
best = accuracy.loc["plain"].loc[["all", "malignant"]]
best.index = ["three class accuracy", "malignant sensitivity"]
by_name = accuracy.set_axis([f"{m} accuracy {k}" for m, k in accuracy.index])
named = [best, by_name, aucs.add_prefix("auc ", axis=0)]
numbers = bootstrap.flat(pd.concat([*named, gain, operating_points]))

# %% tags=["hide-input"]
for (*which, error), number in image_calibration.stack().items():
    numbers[" ".join([error, *which])] = number
report = {"simulated": here.data.kind == "phantom"}
report |= {"cases": len(cases), "share_to_refer_for_goal": float(needed)}
report |= {k.lower().replace(" ", "_"): float(numbers[k]) for k in numbers}
report["referral"] = referral.to_dict("records")

# %% tags=["hide-input"]
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
# cases, let a small model prove itself, priced the help of a person, and
# written down what may not be concluded. Next: `08_benefits_and_challenges`
# measures what textbooks claim of such networks.
#
# ## Check yourself
#
# <details><summary>1. A colleague chooses the threshold on the held-out cases and reports its sensitivity there. What is wrong?</summary>
#
# It was fitted to these very cases, chance included. On new ones the
# sensitivity will be lower, on average.
#
# </details>
#
# <details><summary>2. The AUC for "malignant" is 0.9. How many cancers are flagged?</summary>
#
# It does not say. An AUC is about all thresholds at once; only one threshold
# has a sensitivity.
#
# </details>
#
# <details><summary>3. There are far more training cases. Why is the regression not fitted on them?</summary>
#
# The network has learned them and is too sure of them: the regression would
# learn to trust it too much.
#
# </details>
#
# <details><summary>4. The accuracy rises when a third of the cases is referred. Has the model become better?</summary>
#
# No. It predicts the same, for easier cases. The person gets the difficult
# ones.
#
# </details>
#
# <details><summary>5. The predicted lesion's outline may be measured, the person's may not. Why?</summary>
#
# The predicted one is there for any new image. The person's is not, and may
# tell what the person already knew.
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
# The ninth malignant case has 0.33. Half of the benign cases are flagged as
# well: that is the price of the ninth.
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
# At 0.9 and 0.8, two of three who are flagged have cancer where three in ten
# do, and one in 45 where one in 200 does: with the same model, if the other
# two stayed the same. They rarely do, as lesions in screening are smaller.
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
