from __future__ import annotations

import gc
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from onebox.errors import NotEnoughDisk
from onebox.storage.disk import free_bytes
from onebox.storage.spill import SpillFolder, default_cache_folder

SPILLING = """
import sys
from onebox.storage.spill import SpillFolder
folder = SpillFolder(sys.argv[1])
with folder.writing(4):
    (folder.path / "block").write_bytes(b"data")
print(folder.path, flush=True)
sys.stdin.readline()
"""
FORKING = """
import os, sys
from onebox.storage.spill import SpillFolder
folder = SpillFolder(sys.argv[1])
pid = os.fork()
if pid == 0:
    folder.close()
    sys.exit()
os.waitpid(pid, 0)
print(folder.path.exists())
"""


def test_the_folder_is_gone_when_it_is_closed(tmp_path):
    with SpillFolder(tmp_path / "cache") as folder:
        with folder.writing(4):
            (folder.path / "block").write_bytes(b"data")
        (folder.path / "inner").mkdir()
        assert folder.path.parent == tmp_path / "cache"
    assert list((tmp_path / "cache").iterdir()) == []
    folder.close()


def test_the_folder_is_gone_when_it_is_forgotten(tmp_path):
    folder = SpillFolder(tmp_path)
    assert len(list(tmp_path.iterdir())) == 1
    del folder
    gc.collect()
    assert list(tmp_path.iterdir()) == []


def test_the_folder_is_gone_when_the_program_ends(tmp_path, child):
    with child(SPILLING, tmp_path) as process:
        path = Path(process.line())
        assert (path / "block").read_bytes() == b"data"
        process.go_on()
        assert process.process.wait() == 0
    assert list(tmp_path.iterdir()) == []


def test_the_folder_of_a_killed_process_is_removed_by_the_next(tmp_path, child):
    with child(SPILLING, tmp_path) as process:
        path = Path(process.line())
        with SpillFolder(tmp_path):
            assert (path / "block").exists()  # its owner is alive
        process.kill()
        assert (path / "block").exists()
        with SpillFolder(tmp_path) as folder:
            assert list(tmp_path.iterdir()) == [folder.path]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
def test_a_forked_child_leaves_its_parents_folder_alone(tmp_path, child):
    with child(FORKING, tmp_path) as process:
        assert process.line() == "True"


def test_two_in_one_process_do_not_meet(tmp_path):
    with SpillFolder(tmp_path) as one, SpillFolder(tmp_path) as two:
        assert one.path != two.path


def test_the_limit_holds_and_says_so_in_numbers(tmp_path):
    with SpillFolder(tmp_path, limit_bytes=10_000) as folder:
        with folder.writing(6000):
            pass
        with (
            pytest.raises(NotEnoughDisk, match=r"Spilling 4\.5 kB more .* 6 kB are .* 10 kB.*disk"),
            folder.writing(4500),
        ):
            raise AssertionError("not reached")
        assert folder.used_bytes == 6000
        folder.release(6000)
        with folder.writing(10_000):
            pass


def test_a_failed_write_gives_its_room_back(tmp_path):
    with SpillFolder(tmp_path, limit_bytes=10) as folder:
        with pytest.raises(KeyboardInterrupt), folder.writing(10):
            raise KeyboardInterrupt
        assert folder.used_bytes == 0


def test_threads_never_go_beyond_the_limit_together(tmp_path):
    with SpillFolder(tmp_path, limit_bytes=1000) as folder:

        def spill(_: int) -> bool:
            try:
                with folder.writing(7):
                    return True
            except NotEnoughDisk:
                return False

        with ThreadPoolExecutor(8) as pool:
            accepted = sum(pool.map(spill, range(500)))
        assert accepted == 1000 // 7
        assert folder.used_bytes == 7 * accepted


def test_more_than_the_disk_holds_is_refused(tmp_path):
    too_much = free_bytes(tmp_path) + 10**15
    with SpillFolder(tmp_path) as folder:
        message = r"are free on the disk of .*raise `memory`"
        with pytest.raises(NotEnoughDisk, match=message), folder.writing(too_much):
            raise AssertionError("not reached")


def test_a_disk_that_fills_up_while_spilling(on_tiny_disk):
    printed = on_tiny_disk(
        """
from onebox.errors import NotEnoughDisk
from onebox.storage.spill import SpillFolder
with SpillFolder("cache") as folder:
    try:
        with folder.writing(3_000_000):
            open("others", "wb").write(bytes(2_000_000))
            (folder.path / "block").write_bytes(bytes(3_000_000))
    except NotEnoughDisk as error:
        print(error)
print(os.listdir("cache"))
"""
    )
    assert "The disk filled up while" in printed
    assert "of 3 MB was being written" in printed
    assert "name another folder with `cache`" in printed
    assert printed.endswith("[]\n")


def test_the_cache_folder_follows_the_platform(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache_folder() == tmp_path / "onebox"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative/path")
    unset = default_cache_folder()
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_cache_folder() == unset
    assert Path.home() in unset.parents
    assert "onebox" in unset.parts
