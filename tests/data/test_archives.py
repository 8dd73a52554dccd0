"""A zip is unpacked once and whole, and a bad one is refused and leaves nothing."""

import io
import random
import stat
import struct
import zipfile

import numpy as np
import pytest

from helpers.data import archives

FOLDER = "Dataset_BUSI_with_GT"
NAMES = [f"{FOLDER}/benign/benign ({i}).png" for i in (1, 2)]
CONTENT = {
    n: np.random.default_rng(0).bytes(3000) + bytes(3000) for n in NAMES
}


def zipped(path, more=()):
    """Write a small zip, with further (name or ZipInfo, content) members."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member in [*CONTENT.items(), *more]:
            archive.writestr(*member)
    return path


def in_headers(path, offset, value):
    """Change one 16-bit field of every entry of the zip's directory."""
    data = bytearray(path.read_bytes())
    at = -1
    while (at := data.find(b"PK\x01\x02", at + 1)) >= 0:
        struct.pack_into("<H", data, at + offset, value)
    path.write_bytes(data)


def test_a_zip_is_unpacked_whole_and_once(tmp_path, monkeypatch):
    archive = zipped(
        tmp_path / "archive (1).zip", [("readme.txt", "not wanted")]
    )
    folder = archives.unpack(archive, tmp_path / "cache")
    found = {
        p.relative_to(folder).as_posix()
        for p in folder.rglob("*")
        if p.is_file()
    }
    assert found == set(NAMES)
    assert all((folder / n).read_bytes() == CONTENT[n] for n in NAMES)
    monkeypatch.setattr(
        archives, "extract", lambda *_: pytest.fail("unpacked again")
    )
    assert archives.unpack(archive, tmp_path / "cache") == folder
    assert list((tmp_path / "cache").iterdir()) == [folder]


def test_another_content_gets_another_folder(tmp_path):
    first = archives.unpack(zipped(tmp_path / "a.zip"), tmp_path / "cache")
    changed = zipped(tmp_path / "a.zip", [("more.png", b"x")])
    assert archives.unpack(changed, tmp_path / "cache") != first


def test_the_cache_is_where_the_user_wants_it(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    folder = archives.unpack(zipped(tmp_path / "a.zip"))
    assert folder.parent == tmp_path / "xdg" / "busi-notebooks"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert archives.cache_folder() == tmp_path / ".cache" / "busi-notebooks"


def test_simulated_images_stay_marked_as_such(tmp_path):
    archive = zipped(tmp_path / "a.zip", [(f"{FOLDER}/PHANTOM.json", "{}")])
    folder = archives.unpack(archive, tmp_path / "cache")
    assert (folder / FOLDER / "PHANTOM.json").exists()


def test_another_process_may_be_faster(tmp_path, monkeypatch):
    archive = zipped(tmp_path / "a.zip")
    extract = archives.extract

    def overtaken(*arguments):
        monkeypatch.setattr(archives, "extract", extract)
        (archives.unpack(archive, tmp_path / "cache") / "first").write_text("")
        extract(*arguments)

    monkeypatch.setattr(archives, "extract", overtaken)
    folder = archives.unpack(archive, tmp_path / "cache")
    assert (folder / "first").exists()
    assert list((tmp_path / "cache").iterdir()) == [folder]


def link():
    member = zipfile.ZipInfo("link.png")
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    return member


MEMBERS = {
    "parent": [("../outside.png", b"x")],
    "parent, as Windows writes it": [("a\\..\\..\\outside.png", b"x")],
    "absolute": [("/outside.png", b"x")],
    "drive": [("C:\\outside.png", b"x")],
    "link": [(link(), "/etc/passwd")],
    "file and folder": [("x.png", b"x"), ("x.png/y.png", b"x")],
    "folder and file": [("x.png/y.png", b"x"), ("x.png", b"x")],
    "long name": [("x" * 300 + ".png", b"x")],
}


@pytest.mark.parametrize("kind", MEMBERS)
def test_a_dishonest_zip_is_refused_and_leaves_nothing(tmp_path, kind):
    archive = zipped(tmp_path / "archive.zip", MEMBERS[kind])
    with pytest.raises(archives.ArchiveError, match=r"archive\.zip"):
        archives.unpack(archive, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []
    assert not list(tmp_path.rglob("outside.png"))


@pytest.mark.parametrize(
    "kind", ["half", "empty", "text", "encrypted", "method", "flipped"]
)
def test_a_broken_zip_is_refused_and_leaves_nothing(tmp_path, kind):
    archive = zipped(tmp_path / "archive.zip")
    whole = archive.read_bytes()
    if kind == "half":
        archive.write_bytes(whole[: len(whole) // 2])
    elif kind == "empty":
        archive.write_bytes(b"")
    elif kind == "text":
        archive.write_text("<html>Please sign in</html>")
    elif kind == "encrypted":
        in_headers(archive, offset=8, value=1)
    elif kind == "method":
        in_headers(archive, offset=10, value=99)
    elif kind == "flipped":
        archive.write_bytes(
            whole[:500] + bytes([whole[500] ^ 1]) + whole[501:]
        )
    word = "encrypted" if kind == "encrypted" else "not a whole zip"
    with pytest.raises(archives.ArchiveError, match=word):
        archives.unpack(archive, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_damaged_bytes_never_raise_anything_else(tmp_path):
    archive = zipped(tmp_path / "archive.zip")
    whole, rng = archive.read_bytes(), random.Random(0)
    refused = 0
    for _ in range(200):
        data = bytearray(whole)
        data[rng.randrange(len(data))] = rng.randrange(256)
        archive.write_bytes(data)
        try:
            archives.unpack(archive, tmp_path / "cache")
        except archives.ArchiveError:
            refused += 1
    assert refused > 150  # a few bytes, as a file's time, harm nothing


def test_more_than_the_limit_is_refused_by_the_declared_sizes(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(archives, "LIMIT", 10_000)
    monkeypatch.setattr(
        archives, "extract", lambda *_: pytest.fail("it was unpacked")
    )
    with pytest.raises(archives.ArchiveError, match="would unpack to over"):
        archives.unpack(zipped(tmp_path / "archive.zip"), tmp_path / "cache")


def test_false_sizes_are_stopped_while_unpacking(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "LIMIT", 5000)

    class Liar:  # a directory that declares nothing, and files without an end
        filename, is_dir = "a.png", staticmethod(lambda: False)

    class Endless:
        infolist = staticmethod(lambda: [Liar])
        open = staticmethod(lambda _: io.BytesIO(bytes(10**6)))

    with pytest.raises(archives.ArchiveError, match="would unpack to over"):
        archives.extract("archive.zip", Endless, tmp_path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(
        archives.ArchiveError, match="could not be unpacked into"
    ):
        archives.unpack(zipped(tmp_path / "archive.zip"), tmp_path / "file")


def test_a_full_disk_is_named_and_leaves_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archives, "extract", full)
    with pytest.raises(archives.ArchiveError, match="No space left"):
        archives.unpack(zipped(tmp_path / "archive.zip"), tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []
