"""A zip is unpacked once and whole; a bad one is refused, leaving nothing."""

import gzip
import random
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from helpers.data import archives

NAMES = [f"Dataset_BUSI_with_GT/benign/benign ({i}).png" for i in (1, 2)]
CONTENT = dict.fromkeys(NAMES, random.Random(0).randbytes(3000) + bytes(3000))


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    (tmp_path / "xdg").mkdir()
    return tmp_path / "xdg" / "busi-notebooks"


@pytest.fixture
def zipped(tmp_path):
    """A function that writes a small zip, with further members."""

    def write(*more, method=zipfile.ZIP_DEFLATED):
        path = tmp_path / "archive.zip"
        with zipfile.ZipFile(path, "w", method) as archive:
            for member in [*CONTENT.items(), *more]:
                archive.writestr(*member)
        return path

    return write


def forbid(monkeypatch, name):
    def fail(*_):
        pytest.fail(f"{name} was called")

    monkeypatch.setattr(archives, name, fail)


def test_a_zip_is_unpacked_whole_and_once(zipped, cache, monkeypatch):
    archive = zipped(("PHANTOM.json", "{}"), ("__MACOSX/._a.png", "junk"))
    folder = archives.unpack(archive)
    files = [path for path in folder.rglob("*") if path.is_file()]
    names = [path.relative_to(folder).as_posix() for path in files]
    found = dict(zip(names, map(Path.read_bytes, files), strict=True))
    assert found == {**CONTENT, "PHANTOM.json": b"{}"}
    another = archives.unpack(zipped(("more.png", b"x")))
    assert {*cache.iterdir()} == {folder, another} and folder != another
    next(another.rglob("*.png")).unlink()  # somebody cleared up
    assert archives.unpack(archive) == another
    assert len([*another.rglob("*.png")]) == len(CONTENT) + 1
    forbid(monkeypatch, "extract")
    assert archives.unpack(archive) == another


def test_a_zip_made_by_windows_may_list_its_folders(zipped, cache):
    archive = zipped(("set\\benign\\", ""), ("set\\benign\\b.png", "x"))
    assert (archives.unpack(archive) / "set/benign/b.png").is_file()


def test_another_process_may_be_faster(zipped, cache, monkeypatch):
    archive, extract = zipped(), archives.extract

    def overtaken(*arguments):
        monkeypatch.setattr(archives, "extract", extract)
        (archives.unpack(archive) / "first").write_text("")
        extract(*arguments)

    monkeypatch.setattr(archives, "extract", overtaken)
    folder = archives.unpack(archive)
    assert (folder / "first").exists()
    assert list(cache.iterdir()) == [folder]


LINK = zipfile.ZipInfo("link.png")
LINK.external_attr = (stat.S_IFLNK | 0o777) << 16
MEMBERS = {
    "parent": [("../outside.png", b"x")],
    "parent, as Windows writes it": [("a\\..\\..\\outside.png", b"x")],
    "absolute": [("/outside.png", b"x")],
    "drive": [("C:\\outside.png", b"x")],
    "link": [(LINK, "/etc/passwd")],
    "file and folder": [("x.png", b"x"), ("x.png/y.png", b"x")],
    "folder and file": [("x.png/y.png", b"x"), ("x.png", b"x")],
    "long name": [("x" * 300 + ".png", b"x")],
}


def with_header(whole, offset, value):
    """Return a zip, a 16-bit field of its directory's entries changed."""
    data, at = bytearray(whole), -1
    while (at := data.find(b"PK\x01\x02", at + 1)) >= 0:
        struct.pack_into("<H", data, at + offset, value)
    return data


def nothing_changes(whole):
    return whole


UNPACK = "unpack it, and give the folder"
DAMAGE = {  # kind: (what it does to a whole zip, what is said of it)
    "half": (lambda whole: whole[: len(whole) // 2], "not a whole zip"),
    "empty": (lambda _: b"", "empty"),
    "text": (lambda _: b'{"code": 403}', "not a zip"),
    "web page": (lambda _: b"\n<!DOCTYPE html><p>Please sign in", "sign in"),
    "picture": (lambda _: b"\x89PNG\r\n\x1a\n" + bytes(9), "give the folder"),
    "rar": (lambda _: b"Rar!\x1a\x07\x01\x00" + bytes(99), UNPACK),
    "7z": (lambda _: b"7z\xbc\xaf\x27\x1c" + bytes(99), UNPACK),
    "tar": (lambda _: bytes(257) + b"ustar" + bytes(999), UNPACK),
    "gzip": (lambda _: gzip.compress(b"pictures"), UNPACK),
    "encrypted": (lambda whole: with_header(whole, 8, 1), "encrypted"),
    "method": (lambda whole: with_header(whole, 10, 99), "not a whole zip"),
}


@pytest.mark.parametrize("kind", [*MEMBERS, *DAMAGE])
def test_a_bad_zip_is_refused_leaving_nothing(zipped, cache, tmp_path, kind):
    archive = zipped(*MEMBERS.get(kind, []))
    damage, words = DAMAGE.get(kind, (nothing_changes, ""))
    archive.write_bytes(damage(archive.read_bytes()))
    with pytest.raises(archives.ArchiveError, match=r"archive\.zip") as caught:
        archives.unpack(archive)
    assert words in str(caught.value)
    assert list(cache.glob("*")) == []
    assert not list(tmp_path.rglob("outside.png"))


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_damaged_bytes_never_raise_anything_else(zipped, cache, method):
    archive = zipped(method=method)
    whole, rng = archive.read_bytes(), random.Random(0)
    refused = 0
    for _ in range(100):
        data = bytearray(whole)
        data[rng.randrange(len(data))] = rng.randrange(256)
        archive.write_bytes(data)
        try:
            archives.unpack(archive)
        except archives.ArchiveError as error:
            assert "set XDG_CACHE_HOME" not in str(error)  # it has room
            refused += 1
    assert refused > 75  # a few bytes, as a file's time, harm nothing


def test_too_large_declared_sizes_are_refused(zipped, cache, monkeypatch):
    monkeypatch.setattr(archives, "LIMIT", 10_000)
    forbid(monkeypatch, "extract")
    with pytest.raises(archives.ArchiveError, match="would unpack to over"):
        archives.unpack(zipped())


def test_a_false_size_ends_a_file_and_is_damage(zipped, cache):
    archive = zipped(("large.png", bytes(10**6)))
    false = struct.pack("<I", 1000).join(
        archive.read_bytes().split(struct.pack("<I", 10**6))
    )
    archive.write_bytes(false)
    with pytest.raises(archives.ArchiveError, match="not a whole zip"):
        archives.unpack(archive)


def test_a_folder_that_cannot_be_written_is_named(zipped, cache):
    cache.write_text("a file in the way")
    with pytest.raises(archives.ArchiveError, match="be unpacked into"):
        archives.unpack(zipped())


def test_a_full_disk_is_named_and_leaves_nothing(zipped, cache, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archives, "extract", full)
    with pytest.raises(archives.ArchiveError, match="No space left"):
        archives.unpack(zipped())
    assert list(cache.iterdir()) == []
