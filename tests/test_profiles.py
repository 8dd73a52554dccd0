"""A profile is checked whole, and refused with a sentence, before any run."""

import functools

import pytest

from tools import profiles

BOOKS = profiles.notebooks()
DECLARED = functools.cache(profiles.declared)


@pytest.fixture
def written(tmp_path, monkeypatch):
    """A function that writes my.yaml (str or bytes) and reads it."""
    (tmp_path / "profiles").mkdir()
    monkeypatch.setattr(profiles, "ROOT", tmp_path)
    monkeypatch.setattr(profiles, "notebooks", lambda: BOOKS)
    monkeypatch.setattr(profiles, "declared", DECLARED)

    def read(text):
        content = text if isinstance(text, bytes) else text.encode()
        (tmp_path / "profiles" / "my.yaml").write_bytes(content)
        return profiles.read("my")

    return read


GOOD = {
    "learning_rate: 2e-3": 0.002,
    "learning_rate: 1": 1.0,
    "learning_rate: '0.01'": 0.01,
    "epochs_simulated: 0": 0,
    "max_cases: 0  # all": 0,
}
BAD = {
    "": "my.yaml must have the line `profile: my`",
    "profile: quick": "must have the line `profile: my`",
    "profile: my\nepoch: 3": "mean 'epochs'",
    "profile: my\nepochs:": "nothing",
    "profile: my\nimage_size: '64'": "must be int",
    "profile: my\nimage_size: 64.0": "must be int",
    "profile: my\nepochs: 2e1": "must be int",
    "profile: my\nn_folds: true": "must be int",
    "profile: my\nlearning_rate: fast": "must be float",
    "profile: my\nlearning_rate: yes": "must be float",
    "profile: my\nlearning_rate: .nan": "more than 0",
    "profile: my\nlearning_rate: -1e-3": "more than 0",
    "profile: my\nseed: -1": "0 or more",
    "profile: my\nbatch_size: 0": "more than 0",
    "profile: my\nimage_size: 144": "multiple of 32",
    "profile: my\nimage_size: 136\nepochs_pretrained: 0": "multiple of 16",
    "profile: my\nn_folds: 2\nfirst_fold: 4": "5 folds",
    "profile: my\nepochs: 0\nepochs_simulated: 0\nepochs_pretrained: 0":
        "no network",
    "profile: my\nepochs: 3\nepochs: 4": "twice",
    "profile: [my": "no YAML, line",
    "profile: my\n\tepochs: 3": "no YAML, line 2",
    "a: 1\n---\nb: 2": "no YAML",
    "{profile: my": "no YAML",
    "profile: my\nseed: !!python/name:os.system": "no YAML",
    "- profile: my": "no list of parameters",
    "profile": "no list of parameters",
}  # fmt: skip


@pytest.mark.parametrize("line", GOOD)
def test_a_number_may_be_spelled_in_several_ways(written, line):
    read = written(f"profile: my\n{line}\n")[line.split(":")[0]]
    assert read == GOOD[line] and type(read) is type(GOOD[line])


def test_only_the_pretrained_network_needs_a_multiple_of_32(written):
    text = "profile: my\nimage_size: 144\nepochs_pretrained: 0\n"
    assert written(text)["image_size"] == 144


@pytest.mark.parametrize("text", BAD)
def test_a_wrong_profile_is_one_sentence(written, text):
    with pytest.raises(profiles.Refused, match=r"my\.yaml ") as caught:
        written(text or "seed: 1")
    assert BAD[text] in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"# nothing\n", b"\xff\xfe\x00a"])
def test_an_empty_file_or_one_that_is_no_text_is_named(written, content):
    with pytest.raises(profiles.Refused, match=r"empty|no text|no YAML"):
        written(content)


def test_a_profile_that_is_not_there_is_refused():
    with pytest.raises(profiles.Refused, match=r"mean 'quick'.*one of"):
        profiles.read("quik")
