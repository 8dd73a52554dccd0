"""The contenders in PyTorch; `compare` starts them in .venv-bench.

    python -m tools.benchmark.torch_networks WORK NAME

Answers jobs on standard input. NAME is `torch` (a copy of `unet.build`) or
`smp` (the U-Net of segmentation_models_pytorch on a ResNet-18, from random
weights). Both run eagerly, in channels-last order.
"""

# ruff: noqa: E402
import os
import sys
from importlib.metadata import version

import numpy as np

# some of CUDA's libraries are empty, see `venv`
sys.setdlopenflags(os.RTLD_LAZY)
import torch
from torch import nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from tools.benchmark import worker


class Residual(nn.Module):
    """`unet.block`."""

    def __init__(self, channels, filters):
        super().__init__()
        same = channels == filters
        self.short = nn.Identity() if same else conv(channels, filters, 1)
        self.one, self.norm_one = conv(channels, filters, 3), norm(filters)
        self.two, self.norm_two = conv(filters, filters, 3), norm(filters)

    def forward(self, x):
        y = self.norm_two(self.two(F.relu(self.norm_one(self.one(x)))))
        return F.relu(y + self.short(x))


class UNet(nn.Module):
    """`unet.build`: the same layers, made in the same order."""

    def __init__(self, width, depth=4, classes=3):
        super().__init__()
        widths = [width * 2**level for level in range(depth)]
        self.stem = nn.Conv2d(1, width, 5, 2, bias=False)
        self.norm = norm(width)
        self.down = nn.ModuleList([Residual(width, width)])
        self.down += [Residual(w // 2, w) for w in widths[1:]]
        self.deepest = Residual(widths[-1], widths[-1])
        self.up = nn.ModuleList(Residual(3 * w, w) for w in widths[-2::-1])
        self.logits = nn.Conv2d(width, classes, 1)
        hidden = nn.Linear(2 * widths[-1], 64), nn.ReLU(), nn.Dropout(0.3)
        self.image = nn.Sequential(*hidden, nn.Linear(64, classes))

    def forward(self, image):
        x = F.pad(image, (1, 2, 1, 2))  # as Keras' "same" pads an even size
        x = F.relu(self.norm(self.stem(x)))
        levels = []
        for i, block in enumerate(self.down):
            x = block(F.max_pool2d(x, 2) if i else x)
            levels.append(x)
        x = F.dropout2d(levels.pop(), 0.2, self.training)
        x = deepest = self.deepest(x)
        for block in self.up:
            x = block(torch.cat([doubled(x), levels.pop()], 1))
        pooled = torch.cat([deepest.mean((2, 3)), deepest.amax((2, 3))], 1)
        logits = self.logits(x) + self.image(pooled)[..., None, None]
        return doubled(logits.float())


def conv(channels, filters, side):
    return nn.Conv2d(channels, filters, side, padding=side // 2, bias=False)


def norm(channels):
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.05)


def doubled(x):
    return F.interpolate(x, scale_factor=2, mode="bilinear")


def new_model(name, width):
    """Return a network that maps (n, 1, h, w) to logits (n, 3, h, w)."""
    if name == "torch":
        model = UNet(width)
    else:
        from segmentation_models_pytorch import Unet

        shape = {"in_channels": 1, "classes": 3}
        model = Unet("resnet18", encoder_weights=None, **shape)
    return model.to(memory_format=torch.channels_last)


def loss(logits, labels, image_weight):
    """`losses.segmentation_loss`, mean over the batch."""
    pixels = F.cross_entropy(logits, labels)
    classes = logits.softmax(1)
    p, reference = 1 - classes[:, 0], (labels > 0).float()
    both = (p * reference).sum((1, 2))
    total = p.sum((1, 2)) + reference.sum((1, 2))
    dice = 1 - (2 * both + 1) / (total + 1)
    has_lesion, is_malignant = (
        part.flatten(1).any(1).float() for part in (labels > 0, labels == 2)
    )
    lesion = (p**3).sum((1, 2)) / ((p**2).sum((1, 2)) + 1e-3)
    malignant = classes[:, 2].sum((1, 2)) / (p.sum((1, 2)) + 1e-3)
    kind = has_lesion * binary_crossentropy(malignant, is_malignant)
    image = binary_crossentropy(lesion, has_lesion) + 0.5 * kind
    return pixels + (dice + image_weight * image).mean()


def binary_crossentropy(p, target):
    p = p.clip(1e-4, 1 - 1e-4)
    return F.binary_cross_entropy(p, target, reduction="none")


class Contender(worker.Contender):
    """A network in PyTorch; ours: weights.npz, of the one in Keras."""

    def __init__(self, work, name):
        super().__init__(work, name)
        torch.set_num_threads(self.settings["cores"])
        torch.manual_seed(self.settings["seed"])
        x = self.data["x"].transpose(0, 1, 4, 2, 3).copy()
        self.x = torch.from_numpy(x)
        self.y = torch.from_numpy(self.data["y"].astype(np.int64))
        with np.load(self.work / "weights.npz") as arrays:
            self.ours = dict(arrays)

    def build(self, precision):
        """Build network and optimizer; return its trainable parameters."""
        model = new_model(self.name, self.settings["width"])
        rate = self.settings["learning_rate"]
        options = {"weight_decay": 1e-4, "fused": True}
        adam = torch.optim.AdamW(model.parameters(), rate, **options)
        average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.99))
        enabled = precision != "float32"
        low = torch.autocast("cpu", torch.bfloat16, enabled)
        image_weight = float(self.ours["image_weight"])

        def train(n):
            model.train()
            for i in range(n):
                k = i % len(self.x)
                with low:
                    logits = model(channels_last(self.x[k]))
                adam.zero_grad()
                loss(logits.float(), self.y[k], image_weight).backward()
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                adam.step()
                average.update_parameters(model)
            return n * self.x.shape[1]

        def infer(n):
            images = self.x.flatten(0, 1)
            images = images[torch.arange(n * self.x.shape[1]) % len(images)]
            model.eval()
            with torch.inference_mode(), low:
                parts = [model(channels_last(x)) for x in images.split(32)]
            classes = torch.cat([part.float().softmax(1) for part in parts])
            return len(classes.numpy())

        jobs = {"train": train, "infer": infer}
        self.paces[precision] = {k: worker.Pace(f) for k, f in jobs.items()}
        return sum(p.numel() for p in model.parameters())

    def operations(self, precision, steps):
        """Return the longest of a training step, as `step.operations`."""
        with torch.profiler.profile() as seen:
            self.paces[precision]["train"].run(steps)
        found = seen.key_averages()
        found.sort(key=lambda row: -row.self_cpu_time_total)  # microseconds
        return [
            (row.key, row.self_cpu_time_total / 1e3 / steps, row.count / steps)
            for row in found
        ]

    def same(self):
        """Return the largest difference to Keras, with Keras' weights.

        Of the probabilities, and of the loss of Keras' probabilities.
        """
        model = new_model("torch", self.settings["width"]).eval()
        kinds = {"conv": nn.Conv2d, "norm": nn.BatchNorm2d, "dense": nn.Linear}
        names = ("weight", "bias", "running_mean", "running_var")
        for kind, layer_type in kinds.items():
            made = [m for m in model.modules() if isinstance(m, layer_type)]
            for i, layer in enumerate(made):
                parts = (getattr(layer, name, None) for name in names)
                for j, part in enumerate(x for x in parts if x is not None):
                    part.data.copy_(as_torch(self.ours[f"{kind}.{i}.{j}"]))
        images = torch.from_numpy(self.ours["images"].transpose(0, 3, 1, 2))
        labels = torch.from_numpy(self.ours["labels"]).long()
        theirs = self.ours["prediction"].transpose(0, 3, 1, 2)
        theirs = torch.from_numpy(theirs)
        logits = theirs.clip(1e-7).log()  # as `losses.cross_entropy` does
        with torch.inference_mode():
            classes = model(images).softmax(1)
            found = loss(logits, labels, float(self.ours["image_weight"]))
        gap = abs(float(found) - float(self.ours["loss"]))
        return max(gap, float(abs(classes - theirs).max()))

    def versions(self):
        names = ("torch", "segmentation-models-pytorch")
        return {name: version(name) for name in names}


def as_torch(weight):
    """Return a weight of Keras in the order of axes that PyTorch has."""
    axes = {4: (3, 2, 0, 1), 2: (1, 0)}.get(weight.ndim, range(weight.ndim))
    return torch.from_numpy(weight.transpose(*axes).copy())


def channels_last(images):
    return images.contiguous(memory_format=torch.channels_last)


if __name__ == "__main__":
    worker.serve(Contender(*sys.argv[1:3]))
