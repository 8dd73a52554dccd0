"""Functions of the breast ultrasound notebooks; importing this loads nothing.

For teaching and research. Not a medical device.
"""

import importlib.util
import sys

NEEDED = "numpy", "scipy", "pandas", "matplotlib", "cv2", "sklearn", "keras"
NEEDED += ("tensorflow",)


def start():
    """Return `workspace.start()`; end with a sentence in another Python.

    A Python that is too old can read this file, so that it says what is wrong.
    """
    lacking = [p for p in NEEDED if importlib.util.find_spec(p) is None]
    what = f"lacks {', '.join(lacking)}" if lacking else "is too old"
    if lacking or sys.version_info < (3, 11):
        sys.exit(
            f"This notebook runs in {sys.executable} (Python "
            f"{sys.version.split()[0]}), which {what}. Close it, and open it "
            "from the repository's folder with `make lab`, or choose the "
            "Python of .venv as its kernel."
        )
    from . import workspace

    return workspace.start()
