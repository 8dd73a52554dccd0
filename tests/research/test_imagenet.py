"""Our encoder is the original: the same features from the same weights."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest

from helpers.files import ROOT
from helpers.model import pretrained
from tools.benchmark import venv
from tools.research import imagenet

# What the original, in PyTorch, makes of `weights` and `IMAGES`: written by
# the last test here where there is no such file.
STORED = ROOT / "tests" / "research" / "original_features.json"
PACKAGE = "efficientnet-lite-pytorch==0.1.0"
LAST = (0, 2, 4, 10, 14)  # the blocks that end where a map is taken
IMAGES = np.random.default_rng(0).random((2, 64, 64), np.float32)
ORIGINAL = f"""
import os, sys
sys.setdlopenflags(os.RTLD_LAZY)
sys.path.insert(0, sys.argv[1])
import numpy, torch
from efficientnet_lite_pytorch import EfficientNet
model = EfficientNet.from_name("efficientnet-lite0").eval()
with numpy.load(sys.argv[2]) as arrays:
    images = torch.tensor((arrays["images"] * 255 - 127) / 128)
    state = model.state_dict()
    known = {{k: torch.tensor(arrays[k]) for k in arrays if k in state}}
model.load_state_dict(state | known)
x, maps = images[:, None].repeat(1, 3, 1, 1), {{}}
with torch.no_grad():
    x = model._swish(model._bn0(model._conv_stem(x)))
    for i, block in enumerate(model._blocks[:15]):
        x = block(x)
        if i in {LAST}:
            maps[f"map{{i}}"] = x.permute(0, 2, 3, 1).numpy()
numpy.savez(sys.argv[3], **maps)
"""


def weights():
    """Return random weights by the original's names, a dict of arrays."""
    rng, arrays = np.random.default_rng(1), {}
    encoder = pretrained.build(64)
    for name, (convolution, norm) in imagenet.places().items():
        kernel = encoder.get_layer(name).kernel.shape
        if name.endswith("depthwise"):
            kernel = (*kernel[:2], kernel[3], kernel[2])
        elif name == "stem":
            kernel = (*kernel[:2], 3, kernel[3])
        kernel = np.array(kernel)[[3, 2, 0, 1]]
        spread = np.sqrt(2 / np.prod(kernel[1:]))
        arrays[f"{convolution}.weight"] = rng.normal(0, spread, kernel)
        for part in imagenet.NORM:
            values = rng.uniform(0.5, 1.5, kernel[0])
            arrays[f"{norm}.{part}"] = values
    return {k: array.astype(np.float32) for k, array in arrays.items()}


def ours(arrays):
    """Return the five maps of our encoder, a list of (2, h, w, c)."""
    image = keras.Input((64, 64, 1))
    encoder = keras.Model(image, pretrained.encoder(image))
    for name, values in imagenet.encoder(arrays).items():
        encoder.get_layer(name).set_weights(values)
    return encoder.predict(IMAGES[..., None], verbose=0)


def sums(maps):
    """Return what is kept of each map: shape, mean, mean square, one pixel."""
    return [
        [*m.shape, *map(float, (m.mean(), (m**2).mean(), m[1, -1, -1, 3]))]
        for m in maps
    ]


def test_features_are_those_that_the_original_was_seen_to_give():
    stored = json.loads(STORED.read_text())
    for found, kept in zip(sums(ours(weights())), stored, strict=True):
        assert found == pytest.approx(kept, rel=1e-4, abs=1e-4)


@pytest.mark.research
def test_features_are_those_of_the_original(tmp_path):
    python = venv.make()
    get = [sys.executable, "-m", "pip", "install", "-q", "--no-deps"]
    code = tmp_path / "package"
    subprocess.run([*get, "--target", code, PACKAGE], check=True)

    def original(arrays):
        given, made = tmp_path / "given.npz", tmp_path / "made.npz"
        np.savez(given, images=IMAGES, **arrays)
        command = [python, "-c", ORIGINAL, code, given, made]
        subprocess.run(command, check=True)
        with np.load(made) as maps:
            return [maps[f"map{i}"] for i in LAST]

    known = imagenet.fetch()
    for arrays in (weights(), known):
        pairs = list(zip(ours(arrays), original(arrays), strict=True))
        for one, other in pairs:
            assert np.abs(one - other).max() <= 1e-4 * max(1, other.max())
        if arrays is not known and not STORED.exists():
            text = json.dumps(sums(other for _, other in pairs))
            STORED.write_text(text + "\n")
