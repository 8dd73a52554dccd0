"""What the make commands call, and how the results and the pages are made."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # read as TensorFlow loads
