"""Make the page of results/bench.json."""

import json

from tools.site import templates

NAMES = {
    "ours": "ours, Keras on TensorFlow",
    "torch": "the same network, PyTorch",
    "plain": "plain U-Net, from {plain_width} channels, Keras",
    "textbook": "plain U-Net, from {textbook_width} channels, Keras",
    "smp": "U-Net on ResNet-18, segmentation_models_pytorch",
}
EMPTY = {"train": "–", "infer": "–"}  # cells of a row, by job


def page(path):
    """Return the page, Markdown; all its numbers come from the file `path`."""
    report = json.loads(path.read_text())
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
    values |= {k: kept(path, k) for k in ("step", "growth", "waiting")}
    values |= {"by_step": by_step, "zip": zip}
    return templates.fill("benchmark.md.jinja", **values)


def kept(path, name):
    """Return what `tools.benchmark.NAME` wrote beside `path`, or None."""
    path = path.with_name(f"{name}.json")
    return json.loads(path.read_text()) if path.exists() else None


def by_step(rows):
    """Return {step: {cases: row}} of growth.json's rows."""
    steps = {}
    for row in rows:
        steps.setdefault(row["step"], {})[row["cases"]] = row
    return steps


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
