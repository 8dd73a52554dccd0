"""Models and the state of a training as files."""

import json
import os
import re
import shutil
import zipfile

import keras
import numpy as np

STATE = "resume.npz"
NEWER = re.compile(
    rb', "input_axes": null, "output_axes": null'
    rb'|, "renorm": false, "renorm_clipping": null, "renorm_momentum": [0-9.]+'
)
DRIVE_PAUSE = (
    300  # seconds: Drive's bin keeps every copy, and counts it as space used
)


def read_state(path):
    """Return (settings and history, best weights, all values or none) from a file."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file}
    told = json.loads(str(arrays.pop("told")))
    return told, *(
        [value for name, value in arrays.items() if name.startswith(part)]
        for part in ("best", "now")
    )


def copy(source, target):
    """Copy a file by rename; a Drive that fails is reported, and no reason to stop."""
    partial = target.with_name(f".partial-{target.name}")
    try:
        shutil.copyfile(source, partial)
        os.replace(partial, target)
    except OSError as error:
        print(f"Drive failed ({error}): going on without.")


def save(model, path):
    """Write a model by rename, without optimizer state, so that only a whole file is seen."""
    partial = path.with_name(f".partial-{path.name}")
    model.save(partial, include_optimizer=False)
    for_older_keras(partial)
    os.replace(partial, path)


def for_older_keras(path):
    """Take from a saved model what Colab's Keras does not know, and refuses to read.

    Keras 3.15 notes settings that are not in use here: of the random first
    weights, and of batch normalisation.
    """
    with zipfile.ZipFile(path) as file:
        parts = [(part, file.read(part)) for part in file.infolist()]
    with zipfile.ZipFile(path, "w") as file:
        for part, content in parts:
            if part.filename == "config.json":
                content = NEWER.sub(b"", content)
            file.writestr(part, content)


def load(path):
    """Read a model for prediction; refuses files that carry code (safe mode)."""
    return keras.saving.load_model(path, compile=False, safe_mode=True)


def save_start(model, path):
    """Write a model's weights for `start_from`, by rename, at half the size.

    Kernels are rounded to 16 bits; running variances would not bear that.
    """
    weights = model.get_weights()
    weights = [w.astype(np.float16) if w.ndim > 1 else w for w in weights]
    partial = path.with_name(f".partial-{path.name}")
    np.savez(partial, *weights)
    os.replace(partial, path)


def start_from(model, path):
    """Give a new model the weights in a file of `save_start`.

    Raises:
        FileNotFoundError: there is none for this network.
        ValueError: they are those of another network.
    """
    if not path.exists():
        raise FileNotFoundError(
            f"{path} is not there: take a width that {path.parent.name}/ has a start for, "
            "or make one: python tools/pretrain.py WIDTH"
        )
    with np.load(path, allow_pickle=False) as file:
        weights = [
            file[f"arr_{i}"].astype(np.float32) for i in range(len(file))
        ]
    shapes = [tuple(w.shape) for w in model.weights]
    if [w.shape for w in weights] != shapes:
        raise ValueError(f"{path} holds the weights of another network")
    model.set_weights(weights)
