from __future__ import annotations

import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onebox.errors import NotEnoughDisk
from onebox.storage.store import Store

BUSY = """
import sys
from onebox.storage.store import Store
store = Store(sys.argv[1])
value = sys.argv[2].encode() * 5000
print("ready", flush=True)
sys.stdin.readline()
for _ in range(200):
    store.put("shared", value)
    got = store.get("shared")
    assert got is not None and len(set(got)) == 1 and len(got) == 5000
print("done", flush=True)
"""


def test_what_was_put_is_got_by_another_store_on_the_same_folder(tmp_path):
    Store(tmp_path / "new").put("key", b"value")
    assert Store(tmp_path / "new").get("key") == b"value"
    assert Store(tmp_path / "new").get("other") is None
    assert Store(tmp_path / "absent").get("key") is None


@given(entries=st.dictionaries(st.text(), st.binary()))
def test_any_key_and_value(tmp_path_factory, entries):
    store = Store(tmp_path_factory.mktemp("store"))
    for key, value in entries.items():
        store.put(key, b"older")
        store.put(key, value)
    assert {key: store.get(key) for key in entries} == entries


@pytest.mark.parametrize("position", [0, 10, 20, 31, 35, 40, -1])
def test_a_flipped_bit_makes_a_miss_a_warning_and_room_for_a_new_entry(tmp_path, position):
    store = Store(tmp_path)
    store.put("key", b"a value")
    [path] = tmp_path.iterdir()
    content = bytearray(path.read_bytes())
    content[position] ^= 4
    path.write_bytes(content)
    with pytest.warns(UserWarning, match=r"entry.*damaged"):
        assert store.get("key") is None
    assert list(tmp_path.iterdir()) == []
    store.put("key", b"a value")
    assert store.get("key") == b"a value"


@pytest.mark.parametrize("length", [0, 5, 31, 36])
def test_a_cut_entry_is_a_miss(tmp_path, length):
    store = Store(tmp_path)
    store.put("key", b"a value")
    [path] = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:length])
    with pytest.warns(UserWarning, match=f"{length} bytes"):
        assert store.get("key") is None


def test_an_entry_of_another_key_is_a_miss(tmp_path):
    store = Store(tmp_path)
    store.put("key", b"a value")
    store.put("other", b"another")
    first, second = tmp_path.iterdir()
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert store.get("key") is None
        assert store.get("other") is None


def test_processes_share_a_store(tmp_path, child):
    with child(BUSY, tmp_path, "a") as one, child(BUSY, tmp_path, "b") as two:
        for process in one, two:
            assert process.line() == "ready"
        for process in one, two:
            process.go_on()
        for process in one, two:
            assert process.line() == "done"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_value_larger_than_the_disk(on_tiny_disk):
    printed = on_tiny_disk(
        """
from onebox.errors import NotEnoughDisk
from onebox.storage.store import Store
try:
    Store("cache").put("key", bytes(5_000_000))
except NotEnoughDisk as error:
    print(error)
print(os.listdir("cache"))
"""
    )
    assert "needs 5 MB; 4.19 MB are free" in printed
    assert printed.endswith("[]\n")
    assert issubclass(NotEnoughDisk, OSError)
