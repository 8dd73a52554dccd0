"""How the networks of `tools.research.knowledge` are trained."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    start: "imagenet", or NAME of a file models/start_NAME.npz. sets: what it
    learns from; of several, each gives the same number of lesion views to an
    epoch, and `normals` is the share of normal images, as in BUSI alone.
    last: keep the last weights, not those of the lowest validation loss.
    parts: recipes trained before, whose networks become one ensemble; it
    trains nothing then.
    """

    start: str = ""
    sets: tuple = ("busi",)
    size: int = 160
    epochs: int = 14
    batch_size: int = 16
    learning_rate: float = 1e-3
    seed: int = 0
    normals: float = 0.17
    last: int = 1
    parts: tuple = ()


LESSON = {"size": 128, "epochs": 24, "batch_size": 8, "learning_rate": 2e-3}
RECIPES = {
    "simulated": Recipe("16", last=0, **LESSON),
    "imagenet": Recipe("imagenet", epochs=20),
    "start": Recipe("imagenet", ("busbra", "phantom"), epochs=8),
    "busbra": Recipe("pretrained", epochs=20),
    "hospitals": Recipe("pretrained", ("busi", "busbra"), epochs=10),
    "both": Recipe("imagenet", ("busi", "busbra"), epochs=10),
    "joint": Recipe(parts=("simulated", "both")),
}
SHIPPED = "joint"  # what models/small.keras is
SPECIFICITY = 0.75  # at which the sensitivity for malignant is told
