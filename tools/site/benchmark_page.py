"""Make the page of results/bench.json."""

import json

from tools.site import templates

ABSENT = """\
# How fast is it, beside others?

No benchmark has been kept yet: `make bench` runs and keeps one.
"""
NAMES = {
    "ours": "ours, Keras on TensorFlow",
    "torch": "the same network, PyTorch",
    "plain": "plain U-Net, from {plain_width} channels, Keras",
    "textbook": "plain U-Net, from {textbook_width} channels, Keras",
    "smp": "U-Net on ResNet-18, segmentation_models_pytorch",
}
EMPTY = {"train": "–", "infer": "–"}  # cells of a row, by job
NO_GPU = {"why_not": "PyTorch's environment was not asked for"}


def page(path):
    """Return the page, Markdown; all its numbers come from the file `path`."""
    if not path.exists():
        return ABSENT
    report = {"gpu_memory": NO_GPU, **json.loads(path.read_text())}
    speeds, ratios = {}, {}
    for row in report["speed"]:
        kind = row["network"], row["precision"].removeprefix("mixed_")
        cells = speeds.setdefault(kind, EMPTY.copy())
        cells[row["job"]] = spread(row["images_per_second"])
    for row in report["ratios"]:
        cells = ratios.setdefault(row["against"], {**EMPTY, "precisions": []})
        cells["precisions"].append(row["precision"].removeprefix("mixed_"))
        cells[row["job"]] = spread(row)
    names = {k: v.format(**report["settings"]) for k, v in NAMES.items()}
    torch = report["networks"].get("torch", {})
    values = {**report, "names": names, "speeds": speeds, "ratios": ratios}
    values |= {"gap": torch.get("largest_difference"), "spread": spread}
    values["step"] = step_of(path.with_name("step.json"))
    values["growth"] = growth_of(path.with_name("growth.json"))
    return templates.fill("benchmark.md.jinja", None, **values)


def step_of(path):
    """Return what `tools.benchmark.step` wrote, or None."""
    if not path.exists():
        return None
    step = json.loads(path.read_text())
    kinds = (kind["operations"] for kind in step["kinds"].values())
    return step | {"rows": zip(*kinds, strict=True)}


def growth_of(path):
    """Return what `tools.benchmark.growth` wrote, or None.

    With steps, {step: {cases: row}}.
    """
    if not path.exists():
        return None
    growth, steps = json.loads(path.read_text()), {}
    for row in growth["rows"]:
        steps.setdefault(row["step"], {})[row["cases"]] = row
    return growth | {"steps": steps, "sizes": list(steps["index"])}


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
