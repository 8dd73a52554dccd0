"""Colab's secrets: this reader has none."""


class SecretNotFoundError(Exception):
    """There is no secret of this name."""


def get(key):
    raise SecretNotFoundError(f"Secret {key} does not exist.")
