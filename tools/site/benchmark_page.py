"""Make the page of results/bench.json."""

import json

TITLE = "# How fast is it, beside others?\n"
ABSENT = "No benchmark has been kept yet: `make bench` runs and keeps one.\n"
WARNING = """\
```{warning}
Simulated (phantom) images, not patients: the times hold, the Dice scores say
nothing about BUSI.
```

"""
PAGE = """
{warning}Measured on {machine[processor]} with {machine[cores]} cores, no GPU
used, on {date}; load average at the start {machine[load_average][0]}. Every
contender had the same threads, the same {cases[train]} {kind} training images
of {settings[size]} pixels, and batches of {settings[batch_size]}.

## Images a second

{speed_table}
{missing}
## How many times as fast

Median over {turns} turns, with the smallest and the largest; more than 1: ours
is faster.

{ratio_table}
## Does the network wait for its images?

One core makes {pairs} augmented pairs of image and mask a second. Even if none
were made ahead, while the step before is computed, that would be
{batches[share_of_a_step]:.1%} of the time of training.

## Time to a given quality

Each as its reader would run it: ours as the cpu profile does, from weights
that know simulated images (made once, by `tools/research/pretrain.py`, and not
counted here); the plain U-Net from random ones. It is stopped after four times
as long. Same data, batches, optimizer, precision and evaluation, and the
learning rate that was chosen for ours; one run each, with seed
{settings[seed]}, compilation and validation included. The Dice is that of the
{cases[validation]} lesion images for validation at {settings[size]} pixels;
the first of five folds was left out.

{dice_table}
## One image at a time

{latency}
## Memory

{memory}
## How it was measured

The contenders took turns, each in a process of its own. A training step is
forward, backward, AdamW with clipping and a moving average of the weights, on
batches made beforehand; the loss is ours, the plain U-Net is trained by the
very function that trains ours. PyTorch runs eagerly with channels last;
bfloat16 there is autocast. The plain U-Net has two 3x3 convolutions with ReLU
a level, five levels and no batch normalisation.{same}

Command: `{command}` ({seconds} s). Versions: {versions}.
"""
SAME = """\
 The copy in PyTorch is the same network: with the same weights its
probabilities differ from ours by {:.1g} at most."""
LATENCY = """\
Milliseconds, over {calls} calls each.

{table}
The exported network's probabilities differ from those of Keras by
{largest_difference:.1g} at most.
"""
PEAK = """\
- Training with the settings above took {:.1f} GB of main memory at most,
  everything included ({}).
"""
PLAN = """\
- Estimate for the gpu profile ({size} pixels, width {width}, batches of
  {batch_size}): {gb:.1f} GB. This is XLA's own plan of one training step in
  float32, compiled for a CPU; a GPU adds work space, and a T4's 16 GB are
  {times:.0f} times as much.
"""
NAMES = {
    "ours": "ours, Keras on TensorFlow",
    "torch": "the same network, PyTorch",
    "plain": "plain U-Net, from {plain_width} channels, Keras",
    "textbook": "plain U-Net, from {textbook_width} channels, Keras",
    "smp": "U-Net on ResNet-18, segmentation_models_pytorch",
}
JOBS = {"train": "training", "infer": "inference"}
PRECISIONS = {"float32": "float32", "mixed_bfloat16": "bfloat16"}


def page(path):
    """Return the page, Markdown; all its numbers come from the file `path`."""
    if not path.exists():
        return f"{TITLE}\n{ABSENT}"
    r = json.loads(path.read_text())
    names = {k: name.format(**r["settings"]) for k, name in NAMES.items()}
    gap = r["networks"].get("torch", {}).get("largest_difference")
    missing = (
        f"- Left out: {names[name]}. {row['why_not']}.\n"
        for name, row in r["networks"].items()
        if "why_not" in row
    )
    versions = (f"{name} {v}" for name, v in r.pop("versions").items())
    return TITLE + PAGE.format(
        **{k: v for k, v in r.items() if k != "latency"},
        warning=WARNING if r["simulated"] else "",
        kind="simulated" if r["simulated"] else "real",
        date=r["machine"]["started"][:10],
        turns=r["settings"]["turns"] - 1,
        pairs=spread(r["batches"]["pairs_per_second"]),
        speed_table=speed_table(r, names),
        missing="".join(missing),
        ratio_table=ratio_table(r["ratios"], names),
        dice_table=dice_table(r, names),
        latency=latency(r["latency"]),
        memory=memory(r, names),
        same="" if gap is None else SAME.format(gap),
        versions=", ".join(versions),
    )


def speed_table(r, names):
    """Return the table of images a second."""
    speeds = {(s["network"], s["precision"], s["job"]): s for s in r["speed"]}
    rows = []
    for name, precision in dict.fromkeys(key[:2] for key in speeds):
        found = [speeds.get((name, precision, job)) for job in JOBS]
        cells = [spread(s["images_per_second"]) if s else "–" for s in found]
        parameters = f"{r['networks'][name]['parameters']:,}"
        rows.append([names[name], parameters, PRECISIONS[precision], *cells])
    heads = ["network", "parameters", "precision", "training", "inference"]
    return table(heads, rows)


def ratio_table(ratios, names):
    """Return the table of our speed over the others'."""
    rows = []
    for name in dict.fromkeys(ratio["against"] for ratio in ratios):
        found = {x["job"]: x for x in ratios if x["against"] == name}
        used = dict.fromkeys(
            PRECISIONS[x["precision"]] for x in found.values()
        )
        cells = [spread(found[job]) if job in found else "–" for job in JOBS]
        rows.append([names[name], ", ".join(used), *cells])
    heads = ["ours divided by", "its faster precision", *JOBS.values()]
    return table(heads, rows)


def dice_table(r, names):
    """Return the table of the seconds to a Dice."""
    rows = []
    for name, row in r["to_dice"].items():
        cells = [row.get("why_not"), "–", "–"]
        if "why_not" not in row:
            reached = f"not reached in {row['limit']:.0f} s"
            if row["seconds"] is not None:
                reached = f"{row['seconds']:.0f} s"
            cells = [reached, str(row["epochs"]), f"{row['best']:.3f}"]
        rows.append([names[name], *cells])
    target = f"lesion Dice of {r['settings']['target']}"
    return table(["network", target, "epochs", "best Dice"], rows)


def latency(report):
    """Return the table of one image's milliseconds, or why there is none."""
    if "why_not" in report:
        return f"Not measured: {report['why_not']}.\n"
    rows = [
        [PRECISIONS.get(name, name), f"{t['median']:.3g}", f"{t['p95']:.3g}"]
        for name, t in report["ms"].items()
    ]
    heads = ["our network in", "median", "95th percentile"]
    return LATENCY.format(**report, table=table(heads, rows))


def memory(r, names):
    """Return the list of what training takes."""
    lines = [
        PEAK.format(row["peak_memory_mb"] / 1000, names[name])
        for name, row in r["to_dice"].items()
        if "peak_memory_mb" in row
    ]
    absent = {"why_not": "PyTorch's environment was not asked for"}
    gpu = r.get("gpu_memory", absent)
    if "mb" in gpu:
        mb = gpu["mb"]
        lines.append(PLAN.format(**gpu, gb=mb / 1000, times=16000 / mb))
    else:
        lines.append(f"- No estimate for the gpu profile: {gpu['why_not']}.\n")
    return "".join(lines)


def spread(row):
    median, low, high = (short(row[key]) for key in ("median", "low", "high"))
    return f"{median} ({low} to {high})"


def short(value):
    """Return a number in three digits, or whole from a thousand on."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def table(heads, rows):
    """Return a Markdown table; all cells are str."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
