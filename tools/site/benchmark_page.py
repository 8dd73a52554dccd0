"""Make the page of results/bench.json. Standard library only."""

import json

TITLE = "# How fast is it, beside others?\n"
ABSENT = (
    "No benchmark has been kept yet: `make bench` runs it and writes one.\n"
)
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
    """Return the page, Markdown: every number in it comes from the file at `path`."""
    if not path.exists():
        return f"{TITLE}\n{ABSENT}"
    r = json.loads(path.read_text())
    r["names"] = {
        name: text.format(**r["settings"]) for name, text in NAMES.items()
    }
    parts = [head, speeds, ratios, feeding, to_dice, latency, memory, how]
    return "\n".join([TITLE, *(part(r) for part in parts)])


def head(r):
    machine, cases = r["machine"], r["cases"]
    kind = "simulated" if r["simulated"] else "real"
    text = (
        f"Measured on {machine['processor']} with {machine['cores']} cores, no GPU used, "
        f"on {machine['started'][:10]}; load average at the start "
        f"{machine['load_average'][0]}. Every contender had the same threads, the same "
        f"{cases['train']} {kind} training images of {r['settings']['size']} pixels, and "
        f"batches of {r['settings']['batch_size']}.\n"
    )
    if r["simulated"]:
        text = (
            "```{warning}\nSimulated (phantom) images, not patients: the times hold, the "
            f"Dice scores say nothing about BUSI.\n```\n\n{text}"
        )
    return text


def speeds(r):
    """Return the table of images a second, and a sentence for each that is missing."""
    found = {(s["network"], s["precision"], s["job"]): s for s in r["speed"]}
    rows = []
    for name, precision in dict.fromkeys(key[:2] for key in found):
        told = [found.get((name, precision, job)) for job in JOBS]
        cells = [spread(s["images_per_second"]) if s else "–" for s in told]
        parameters = f"{r['networks'][name]['parameters']:,}"
        rows.append(
            [r["names"][name], parameters, PRECISIONS[precision], *cells]
        )
    heads = ["network", "parameters", "precision", "training", "inference"]
    missing = "".join(
        f"- Left out: {r['names'][name]}. {told['why_not']}.\n"
        for name, told in r["networks"].items()
        if "why_not" in told
    )
    return f"## Images a second\n\n{table(heads, rows)}\n{missing}"


def ratios(r):
    heads = [
        "ours divided by",
        "its faster precision",
        "training",
        "inference",
    ]
    rows = []
    for name in dict.fromkeys(ratio["against"] for ratio in r["ratios"]):
        told = {q["job"]: q for q in r["ratios"] if q["against"] == name}
        precision = ", ".join(
            dict.fromkeys(PRECISIONS[q["precision"]] for q in told.values())
        )
        cells = [spread(told[job]) if job in told else "–" for job in JOBS]
        rows.append([r["names"][name], precision, *cells])
    return (
        "## How many times as fast\n\nMedian over "
        f"{r['settings']['turns'] - 1} turns, with the smallest and the largest; "
        f"more than 1: ours is faster.\n\n{table(heads, rows)}"
    )


def feeding(r):
    told = r["batches"]
    return (
        "## Does the network wait for its images?\n\nOne core makes "
        f"{spread(told['pairs_per_second'])} augmented pairs of image and mask a second. "
        "Even if none were made ahead, while the step before is computed, that would be "
        f"{told['share_of_a_step']:.1%} of the time of training.\n"
    )


def to_dice(r):
    rows = []
    for name, told in r["to_dice"].items():
        if "why_not" in told:
            rows.append([r["names"][name], told["why_not"], "–", "–"])
            continue
        reached = f"not reached in {told['limit']:.0f} s"
        if told["seconds"] is not None:
            reached = f"{told['seconds']:.0f} s"
        rows.append(
            [
                r["names"][name],
                reached,
                str(told["epochs"]),
                f"{told['best']:.3f}",
            ]
        )
    s = r["settings"]
    heads = ["network", f"lesion Dice of {s['target']}", "epochs", "best Dice"]
    return (
        "## Time to a given quality\n\nEach as its reader would run it: ours as the cpu "
        "profile does, from weights that know simulated images (made once, by "
        "`tools/pretrain.py`, and not counted here); the plain U-Net from random ones. "
        "It is stopped after four times as long. Same data, batches, optimizer, precision and "
        "evaluation, and the learning rate that was chosen for ours; one run each, with "
        f"seed {s['seed']}, compilation and validation included. The Dice is that of the "
        f"{r['cases']['validation']} lesion images for validation at {s['size']} pixels; "
        f"the first of five folds was left out.\n\n{table(heads, rows)}"
    )


def latency(r):
    told = r["latency"]
    if "why_not" in told:
        return f"## One image at a time\n\nNot measured: {told['why_not']}.\n"
    rows = [
        [PRECISIONS.get(name, name), f"{t['median']:.3g}", f"{t['p95']:.3g}"]
        for name, t in told["ms"].items()
    ]
    return (
        f"## One image at a time\n\nMilliseconds, over {told['calls']} calls each.\n\n"
        f"{table(['our network in', 'median', '95th percentile'], rows)}\n"
        "The exported network's probabilities differ from those of Keras by "
        f"{told['largest_difference']:.1g} at most.\n"
    )


def memory(r):
    lines = [
        f"- Training with the settings above took {t['peak_memory_mb'] / 1000:.1f} GB of "
        f"main memory at most, everything included ({r['names'][name]}).\n"
        for name, t in r["to_dice"].items()
        if "peak_memory_mb" in t
    ]
    gpu = r.get(
        "gpu_memory", {"why_not": "PyTorch's environment was not asked for"}
    )
    if "mb" in gpu:
        lines.append(
            f"- Estimate for the gpu profile ({gpu['size']} pixels, width {gpu['width']}, "
            f"batches of {gpu['batch_size']}): {gpu['mb'] / 1000:.1f} GB. This is XLA's "
            "own plan of one training step in float32, compiled for a CPU; a GPU adds "
            f"work space, and a T4's 16 GB are {16000 / gpu['mb']:.0f} times as much.\n"
        )
    else:
        lines.append(f"- No estimate for the gpu profile: {gpu['why_not']}.\n")
    return "## Memory\n\n" + "".join(lines)


def how(r):
    versions = ", ".join(f"{name} {v}" for name, v in r["versions"].items())
    torch = r["networks"].get("torch", {})
    same = (
        " The copy in PyTorch is the same network: with the same weights its "
        f"probabilities differ from ours by {torch['largest_difference']:.1g} at most."
        if "largest_difference" in torch
        else ""
    )
    return (
        "## How it was measured\n\n"
        "The contenders took turns, each in a process of its own. A training step is "
        "forward, backward, AdamW with clipping and a moving average of the weights, on "
        "batches made beforehand; the loss is ours, the plain U-Net is trained by the "
        "very function that trains ours. PyTorch runs eagerly with channels last; "
        "bfloat16 there is autocast. The plain U-Net has two 3x3 convolutions with ReLU "
        f"a level, five levels and no batch normalisation.{same}\n\n"
        f"Command: `{r['command']}` ({r['seconds']} s). Versions: {versions}.\n"
    )


def spread(s):
    return f"{short(s['median'])} ({short(s['low'])} to {short(s['high'])})"


def short(value):
    """Return a number in three digits, or whole from a thousand on."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def table(heads, rows):
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
