"""What the make commands call, and how the results and the pages are made."""

import os
import sys

# read as TensorFlow and OpenCV load: no words of theirs beside our sentences
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
# jsonschema, which nbformat loads, would make a parser of web addresses: a
# second in each process, and no notebook's format has any
sys.modules.setdefault("rfc3987_syntax", None)
