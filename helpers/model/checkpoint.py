"""Files of a training: its state, models, and weights to start from."""

import contextlib
import io
import json
import os
import re
import time
import zipfile

import h5py
import keras
import numpy as np

from .. import files
from . import faster

STATE = "resume.npz"
DRIVE_PAUSE = 300  # seconds: Drive's bin keeps, and counts, every copy
# What reading a damaged state raises.
UNREADABLE = OSError, EOFError, ValueError, KeyError, TypeError
UNREADABLE += (zipfile.BadZipFile,)
# What Keras 3.15 notes of random first weights and of batch normalisation.
NEWER = re.compile(
    r', "input_axes": null, "output_axes": null'
    r'|, "renorm": false, "renorm_clipping": null, "renorm_momentum": [0-9.]+'
)


class State:
    """The state of a training: one file in a folder, and its copy in Drive.

    folder: a Path, made if missing; drive: another one, or None. settings: a
    dict for JSON, all that the training's result depends on.
    """

    def __init__(self, folder, drive, settings):
        self.path, self.drive, self.settings = folder / STATE, drive, settings
        self.next_copy = 0
        folder.mkdir(parents=True, exist_ok=True)
        if drive:
            # Only here: below a Drive that went away, this would make local
            # folders. If it fails, each copy reports that, too.
            with contextlib.suppress(OSError):
                drive.mkdir(parents=True, exist_ok=True)
            # Path.exists raises where Drive dropped, os.path.exists does not
            if not self.path.exists() and os.path.exists(drive / STATE):
                copy(drive / STATE, self.path)

    def read(self):
        """Return (rows of the history, best weights, all values) of this run.

        All are empty where nothing was trained; without values it is finished.
        A state that cannot be read or has other settings is put aside.
        """
        if not self.path.exists():
            return [], [], []
        try:
            record, best, values = read_state(self.path)
            earlier, now = record["settings"], self.settings
            changed = [name for name in now if earlier.get(name) != now[name]]
            problem = changed and f"had another {', '.join(changed)}"
        except UNREADABLE as error:
            problem = f"cannot be read ({error})"
        if problem:
            # another name each time: none replaces an earlier one
            name = f"earlier-{files.sha256(self.path)[:8]}-{STATE}"
            aside = self.path.with_name(name)
            self.path.replace(aside)
            print(f"The earlier run {problem}: starting anew.", end=" ")
            print(f"It is kept as {aside}.")
            return [], [], []
        if values:
            print(f"Going on after epoch {len(record['rows'])}.")
        else:
            print(f"Trained already: delete {self.path} to train again.")
        return record["rows"], best, values

    def write(self, rows, best, values):
        """Write the state (no values: finished), to Drive now and then."""
        record = {"settings": self.settings, "rows": rows}
        arrays = {"record": json.dumps(record)}
        arrays |= {f"best{i}": weight for i, weight in enumerate(best)}
        arrays |= {f"now{i}": value for i, value in enumerate(values)}
        with files.replacing(self.path) as partial:
            np.savez(partial, **arrays)
        began = time.time()
        if self.drive and (not values or began >= self.next_copy):
            copy(self.path, self.drive / STATE)
            took = time.time() - began
            self.next_copy = began + max(DRIVE_PAUSE, 20 * took)
            if took > 60:
                print(f"Drive took {took:.0f} s: the next copy will be later.")


def read_state(path):
    """Return ({"settings", "rows"}, best weights, all values) from a file."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file}
    best = [array for name, array in arrays.items() if name.startswith("best")]
    now = [array for name, array in arrays.items() if name.startswith("now")]
    return json.loads(str(arrays["record"])), best, now


def copy(source, target):
    """Copy a file; a Drive that fails is reported, and no reason to stop."""
    try:
        files.copy(source, target)
    except OSError as error:
        print(f"Drive failed ({error}): going on without.")


def save(model, path, small=False):
    """Write a model without how it was trained: any Keras 3 can open it.

    The optimizer would be three quarters of the file. small: kernels with 7
    significant bits, see `rounded`, and the whole compressed, at 38 % of the
    size; `load` reads them as 32 bits.
    """
    with files.replacing(path) as partial:
        model.save(partial)
        with zipfile.ZipFile(partial) as file:
            parts = [(part, file.read(part)) for part in file.infolist()]
        packed = zipfile.ZIP_DEFLATED if small else zipfile.ZIP_STORED
        with zipfile.ZipFile(partial, "w", packed) as file:
            for part, content in parts:
                if part.filename == "config.json":
                    config = json.loads(content) | {"compile_config": None}
                    # unused settings that older Keras refuses
                    content = NEWER.sub("", json.dumps(config))
                elif part.filename.endswith(".h5"):
                    content = without_optimizer(content, small)
                file.writestr(part.filename, content)


def without_optimizer(content, small):
    """Return the bytes of a file of weights; small: as `save` has it."""
    new = io.BytesIO()
    with h5py.File(io.BytesIO(content)) as old, h5py.File(new, "w") as file:

        def keep(name, item):
            if name.startswith("optimizer"):
                return
            if isinstance(item, h5py.Dataset):
                data = item[()]
                if small and data.ndim > 1:  # running variances not: too small
                    data = rounded(data)
                kept = file.create_dataset(name, data=data)
            else:
                kept = file.require_group(name)
            kept.attrs.update(item.attrs)

        file.attrs.update(old.attrs)
        old.visititems(keep)
    return new.getvalue()


def rounded(values):
    """Return values with 7 significant bits, float16.

    The four zeros at the end of each are what makes them compress well.
    """
    bits = values.astype(np.float16).view(np.uint16)
    return ((bits + 8) & 0xFFF0).view(np.float16)


def load(path):
    """Read a model for prediction; one that carries code is a ValueError."""
    model = keras.saving.load_model(path, compile=False, safe_mode=True)
    faster.use(model)
    return model


def save_start(model, path):
    """Write a model's weights for `start_from`, at half the size."""
    # kernels in 16 bits; running variances would not bear that
    weights = model.get_weights()
    weights = [w.astype(np.float16) if w.ndim > 1 else w for w in weights]
    with files.replacing(path) as partial:
        np.savez(partial, *weights)


def start_from(model, path):
    """Return a new model, now with the weights in a file of `save_start`.

    FileNotFoundError: there is none; ValueError: they fit another network.
    """
    if not path.exists():
        raise FileNotFoundError(
            f"{path} is not there: take a width that {path.parent.name}/ has "
            "a start for, or make one: python -m tools.research.pretrain WIDTH"
        )
    with np.load(path, allow_pickle=False) as file:
        weights = [file[name].astype(np.float32) for name in file]
    shapes = [tuple(w.shape) for w in model.weights]
    if [w.shape for w in weights] != shapes:
        raise ValueError(f"{path} holds the weights of another network")
    model.set_weights(weights)
    return model
