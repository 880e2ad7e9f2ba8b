from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from onebox.errors import BadInput, NotEnoughDisk
from onebox.storage.atomic import (
    atomic_directory,
    atomic_file,
    remove_orphans,
    temporary_beside,
)
from onebox.storage.disk import free_bytes

HALF_A_FILE = """
import sys
from onebox.storage.atomic import atomic_file
with atomic_file(sys.argv[1]) as file:
    file.write(b"half")
    file.flush()
    print("half", flush=True)
    sys.stdin.readline()
"""


POSIX = pytest.mark.skipif(os.name == "nt", reason="not so on Windows")


def fail_after(write, content, error):
    write(content)
    raise error


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_a_file_appears_when_it_is_complete(tmp_path):
    target = tmp_path / "out.bin"
    target.write_bytes(b"old")
    with atomic_file(target) as file:
        file.write(b"new")
        assert target.read_bytes() == b"old"
    assert target.read_bytes() == b"new"
    assert names(tmp_path) == ["out.bin"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_exception_leaves_the_old_file_and_nothing_else(tmp_path, error):
    target = tmp_path / "out.bin"
    target.write_bytes(b"old")
    with pytest.raises(error), atomic_file(target) as file:
        fail_after(file.write, b"new", error)
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["out.bin"]


def test_what_was_written_can_be_read_back(tmp_path):
    with atomic_file(tmp_path / "out.bin") as file:
        file.write(b"abc")
        file.seek(1)
        assert file.read() == b"bc"


def test_new_files_have_the_usual_permissions(tmp_path):
    (tmp_path / "plain").write_bytes(b"")
    with atomic_file(tmp_path / "atomic"):
        pass
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "atomic")}
    assert len(modes) == 1


@POSIX
def test_a_symbolic_link_keeps_pointing_to_the_new_content(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with atomic_file(tmp_path / "link") as file:
        file.write(b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


@POSIX
def test_devices_and_folders_are_not_replaced(tmp_path):
    for path in (os.devnull, tmp_path):
        with pytest.raises(BadInput, match="not a regular file"), atomic_file(path):
            pass
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


def test_a_missing_folder_is_named(tmp_path):
    target = tmp_path / "nowhere" / "out.bin"
    with pytest.raises(BadInput, match=r"no folder .*nowhere"), atomic_file(target):
        pass


@POSIX
def test_a_name_as_long_as_the_file_system_allows(tmp_path):
    target = tmp_path / ("ä" * 127)
    with atomic_file(target) as file:
        file.write(b"content")
    assert target.read_bytes() == b"content"


def test_more_than_the_disk_holds_is_refused_before_writing(tmp_path):
    needed = free_bytes(tmp_path) + 10**15
    message = r"out\.bin needs .*TB; .* are free .* another disk"
    with (
        pytest.raises(NotEnoughDisk, match=message),
        atomic_file(tmp_path / "out.bin", expected_bytes=needed),
    ):
        raise AssertionError("not reached")
    assert names(tmp_path) == []


def test_a_disk_that_fills_up_on_the_way(on_tiny_disk):
    printed = on_tiny_disk(
        """
from onebox.errors import NotEnoughDisk
from onebox.storage.atomic import atomic_directory, atomic_file
open("old.bin", "wb").write(b"old")
try:
    with atomic_file("old.bin") as file:
        for _ in range(100):
            file.write(bytes(100_000))
except NotEnoughDisk as error:
    print(error)
print(os.listdir("."), open("old.bin", "rb").read())
try:
    with atomic_directory("new") as folder:
        for i in range(100):
            (folder / str(i)).write_bytes(bytes(100_000))
except NotEnoughDisk as error:
    print(error)
print(os.listdir("."))
"""
    )
    for line in printed.splitlines()[0], printed.splitlines()[2]:
        assert "The disk filled up while" in line
        assert "4.19 MB are free" in line
        assert "Nothing was left behind. Free some space" in line
    assert printed.splitlines()[1] == "['old.bin'] b'old'"
    assert printed.splitlines()[3] == "['old.bin']"


def test_kill_leaves_the_old_file_and_an_orphan_that_is_found(tmp_path, child):
    target = tmp_path / "out.bin"
    target.write_bytes(b"old")
    with child(HALF_A_FILE, target) as process:
        assert process.line() == "half"
        assert len(names(tmp_path)) == 2
        assert remove_orphans(tmp_path) == []  # it is still being written
        process.kill()
        [orphan] = remove_orphans(tmp_path)
    assert orphan.name.startswith(".out.bin.")
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["out.bin"]


def test_a_writer_that_goes_on_after_the_search_for_orphans_succeeds(tmp_path, child):
    target = tmp_path / "out.bin"
    with child(HALF_A_FILE, target) as process:
        process.line()
        remove_orphans(tmp_path)
        process.go_on()
        assert process.process.wait() == 0
    assert target.read_bytes() == b"half"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells when a process started")
def test_a_process_number_that_was_given_again_is_not_mistaken_for_the_owner(tmp_path):
    mine = temporary_beside(tmp_path / "x")
    machine, pid, start, *rest = mine.name.split("-")
    reused = tmp_path / "-".join([machine, pid, str(int(start) - 1), *rest])
    reused.mkdir()
    (reused / "content").write_bytes(b"x")
    mine.write_bytes(b"x")
    assert remove_orphans(tmp_path) == [reused]
    assert names(tmp_path) == [mine.name]


def test_files_of_other_machines_and_of_users_stay(tmp_path):
    elsewhere = ".x.00000000-1-1-00000000.onebox-tmp"
    for name in (elsewhere, ".x.onebox-tmp", "x", ".hidden"):
        (tmp_path / name).write_bytes(b"x")
    assert remove_orphans(tmp_path) == []
    assert len(names(tmp_path)) == 4


def test_a_folder_appears_when_it_is_complete(tmp_path):
    target = tmp_path / "out"
    with atomic_directory(target) as folder:
        (folder / "part-0").write_bytes(b"0")
        assert not target.exists()
    assert names(target) == ["part-0"]
    assert names(tmp_path) == ["out"]


def test_an_empty_folder_may_be_there_already(tmp_path):
    with atomic_directory(tmp_path / "out") as folder:
        (folder / "part-0").write_bytes(b"0")
        (tmp_path / "out").mkdir()
    assert names(tmp_path / "out") == ["part-0"]
    assert names(tmp_path) == ["out"]


@pytest.mark.parametrize("replace", [False, True])
def test_an_exception_leaves_the_old_folder(tmp_path, replace):
    target = tmp_path / "out"
    if replace:
        target.mkdir()
        (target / "old").write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), atomic_directory(target, replace=replace) as folder:
        fail_after((folder / "part-0").write_bytes, b"0", KeyboardInterrupt)
    assert names(tmp_path) == (["out"] if replace else [])
    assert not replace or names(target) == ["old"]


def test_a_full_folder_is_replaced_only_when_asked(tmp_path):
    target = tmp_path / "out"
    target.mkdir()
    (target / "old").write_bytes(b"old")
    with pytest.raises(BadInput, match="not empty"), atomic_directory(target):
        raise AssertionError("not reached")
    with atomic_directory(target, replace=True) as folder:
        (folder / "new").write_bytes(b"new")
        assert names(target) == ["old"]
    assert names(target) == ["new"]
    assert names(tmp_path) == ["out"]


def test_a_folder_that_was_filled_meanwhile_is_not_replaced(tmp_path):
    target = tmp_path / "out"
    with pytest.raises(BadInput, match="not empty"), atomic_directory(target):
        (target / "theirs").mkdir(parents=True)
    assert names(target) == ["theirs"]
    assert names(tmp_path) == ["out"]


def test_a_file_is_not_replaced_by_a_folder(tmp_path):
    (tmp_path / "out").write_bytes(b"")
    target = tmp_path / "out"
    with pytest.raises(BadInput, match="is a file"), atomic_directory(target, replace=True):
        pass
