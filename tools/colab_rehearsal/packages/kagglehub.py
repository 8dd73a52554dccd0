"""Stands in for kagglehub: gives $REHEARSAL_KAGGLEHUB, or has no network."""

import contextlib
import os


def dataset_download(_handle):
    with contextlib.suppress(Exception):  # public data need no account
        from google.colab import userdata

        userdata.get("KAGGLE_API_TOKEN")
    folder = os.environ.get("REHEARSAL_KAGGLEHUB")
    if not folder:
        raise ConnectionError("no network")
    return folder
