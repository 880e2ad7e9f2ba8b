"""A cache folder as it is seen from outside: listed, checked, made smaller, emptied."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
import tracemalloc
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import sklearn.linear_model

import onebox as ob
from onebox.errors import BadInput, CorruptFile, NotEnoughDisk
from onebox.memory import audit
from onebox.memory.audit.checks import Auditor
from onebox.memory.audit.index_check import IndexCheck
from onebox.storage.records import HEADER_BYTES, RecordFile

OFFSET = 1
N_RESULTS = 9  # that `use` makes


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Indexes and keys are those of a user who has only just come."""
    for name in ("CACHE", "CONFIG"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / f"xdg-{name}"))


@pytest.fixture
def memory(tmp_path):
    return ob.Memory(tmp_path / "cache")


@pytest.fixture
def filled(memory):
    use(memory)
    memory._folder.shelf.segments.seal()
    return memory


class Counter:
    """Counts the calls that reach a function; not part of any key."""

    def __init__(self):
        self.calls = 0

    def __onebox_key__(self):
        return None


def kept(memory, count=None):
    """Functions whose results are small, large, signed, and items of a generator."""
    count = count or Counter()

    @memory.cache
    def small(x, y=0):
        count.calls += 1
        return x + y + OFFSET

    @memory.cache
    def large(x):
        count.calls += 1
        return np.arange(x)

    @memory.cache
    def signed(x):
        count.calls += 1
        return sklearn.linear_model.Ridge(x)

    @memory.cache
    def items(n):
        count.calls += 1
        yield from range(n)

    return SimpleNamespace(small=small, large=large, signed=signed, items=items)


def use(memory):
    """Call all of them, which must go well; how many were computed."""
    count = Counter()
    functions = kept(memory, count)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for x in range(6):
            assert functions.small(x) == x + OFFSET
        assert len(functions.large(200_000)) == 200_000
        assert functions.signed(1.5).alpha == 1.5
        assert list(functions.items(5)) == list(range(5))
    return count.calls


def again(memory):
    """The same folder as a new process sees it."""
    return ob.Memory(memory.folder)


def elsewhere(memory, monkeypatch, tmp_path):
    """The same folder as another machine sees it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another" / "cache"))
    return ob.Memory(memory.folder)


def segment(memory):
    (path,) = (memory.folder / "packed").glob("*.records")
    return path


def records(memory):
    descriptor = os.open(segment(memory), os.O_RDONLY)
    file = RecordFile(descriptor, "segment")
    found = list(file.scan())
    file.close()
    return found


def file_of(memory, function, suffix="onebox"):
    (path,) = memory.folder.glob(f"*{function}/*.{suffix}")
    return path


def name_of(memory, function):
    return next(use.function for use in audit.listing(memory)[0] if use.function.endswith(function))


def flip(path, at):
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


# What is there


def test_a_listing(filled):
    small, before = kept(filled).small, time.time()
    small(1), small(1), small(2)
    uses, n_bytes = audit.listing(filled)
    by_name = {one.function.split(".")[-1]: one for one in uses}
    assert {name: one.results for name, one in by_name.items()} == {
        "large": 1, "items": 1, "small": 6, "signed": 1,
    }  # fmt: skip
    assert uses[0] == by_name["large"]
    assert by_name["small"].hits == 3
    assert 0 < by_name["small"].saved < by_name["small"].seconds
    assert before <= by_name["small"].used <= time.time()
    on_disk = sum(path.stat().st_size for path in filled.folder.rglob("*") if path.is_file())
    assert on_disk <= n_bytes < on_disk + 2 * 4096


def test_a_listing_on_another_machine(filled, monkeypatch, tmp_path):
    here = audit.listing(filled)
    there = audit.listing(elsewhere(filled, monkeypatch, tmp_path))
    assert [one[:3] for one in there[0]] == [one[:3] for one in here[0]]
    assert there[1] == here[1]


def test_what_differs(memory, monkeypatch):
    small = kept(memory).small
    small(1), small(2, 3)
    name = name_of(memory, "small")
    latest = audit.latest(memory, name)
    assert audit.compare(memory, name, latest[:1]) is None
    assert audit.compare(memory, name, latest) == (latest[1].key, ["argument x", "argument y"])
    monkeypatch.setitem(globals(), "OFFSET", 5)
    kept(memory).small(1)
    latest = audit.latest(again(memory), name)
    assert len(latest) == 3
    nearest, (difference,) = audit.compare(memory, name, latest)
    assert nearest == latest[2].key
    assert difference.startswith("constant ")
    assert difference.endswith(".OFFSET")
    (one,) = audit.latest(memory, name, latest[0].key[:8])
    assert one == latest[0]
    made_of = audit.recipe(memory, name, one.key)
    assert list(made_of["arguments"]) == ["x", "y"]
    assert {kind for _, kind, _ in made_of["code"]} >= {"function", "constant"}


def test_names_that_are_not_there(filled):
    name = name_of(filled, "small")
    with pytest.raises(BadInput, match=rf"no result of .* Did you mean '{name}'\?"):
        audit.latest(filled, name[:-1])
    with pytest.raises(BadInput, match="with a key that begins with 'xyz'"):
        audit.latest(filled, name, "xyz")
    with pytest.raises(BadInput, match="no result"):
        audit.clear(filled, "other")
    assert use(filled) == 0


@pytest.mark.parametrize("act", [audit.listing, audit.verify, audit.clear])
def test_folders_that_hold_no_cache(tmp_path, act):
    (tmp_path / "file").write_text("x")
    data = tmp_path / "data"
    (data / "packed").mkdir(parents=True)
    (data / "packed" / "x.txt").write_text("x")
    (data / "year=2020").mkdir()
    (data / "year=2020" / f"{'0' * 32}.parquet").write_text("rows of somebody")
    for folder, message in (
        ("nowhere", "is not there"), ("file", "is a file"), ("data", "holds no cache"),
    ):  # fmt: skip
        with pytest.raises(BadInput, match=message):
            act(ob.Memory(tmp_path / folder))
    assert len([path for path in data.rglob("*") if path.is_file()]) == 2


def test_an_index_that_cannot_be_read(filled):
    shelf = filled._folder.shelf
    with shelf.index.change() as base:
        base.execute("drop table results")
    with pytest.raises(CorruptFile, match="onebox cache verify"):
        audit.listing(again(filled))
    assert audit.verify(again(filled)).stale == 1
    assert use(again(filled)) == 0


# Making room


def test_pruning(filled):
    assert audit.prune(filled, 10**9) == (0, 0, 0)
    gone = audit.prune(filled, 100_000)
    assert gone.results == 1
    assert gone.bytes > 1_600_000
    assert audit.listing(filled)[1] < 100_000
    assert use(again(filled)) == 1


def test_what_is_open_is_not_pruned(filled):
    mapped = kept(filled).large.ref(200_000).get()
    with pytest.raises(NotEnoughDisk, match="limit"):
        audit.prune(again(filled), 100_000)
    assert mapped[-1] == 199_999


def test_clearing_a_function(filled):
    name = name_of(filled, "small")
    assert audit.clear(filled, name).results == 6
    assert name not in [one.function for one in audit.listing(again(filled))[0]]
    assert use(again(filled)) == 6
    assert audit.clear(filled, name_of(filled, "large"))[::2] == (1, 0)
    assert use(again(filled)) == 1


def test_clearing_leaves_what_is_not_ours(filled, monkeypatch, tmp_path):
    folder = filled.folder
    others = [
        folder / "notes.txt",
        folder / "packed" / "x.txt",
        folder / "sub" / f"{'0' * 32}.parquet",
    ]
    others[2].parent.mkdir()
    for path in others:
        path.write_text("mine")
    flip(file_of(filled, "items", "records"), 3)  # damaged, and ours by its name
    (folder / "group.key").write_bytes(bytes(32))
    there = elsewhere(filled, monkeypatch, tmp_path)
    audit.clear(there)
    left = {path for path in folder.rglob("*") if path.is_file()}
    assert left == {*others, folder / "group.key"}
    others[1].unlink()
    assert audit.listing(there) == ([], 0)
    assert use(again(filled)) == N_RESULTS


def test_what_is_open_is_not_cleared(filled):
    functions = kept(filled)
    mapped, playing = functions.large.ref(200_000).get(), functions.items(5)
    next(playing)
    gone = audit.clear(again(filled))
    assert (gone.results, gone.open) == (7, 2)
    assert mapped[-1] == 199_999
    playing.close()
    del mapped
    assert audit.clear(again(filled))[::2] == (2, 0)


def test_a_cache_that_is_only_read_from(filled):
    reading = ob.Memory(filled.folder, readonly=True)
    assert len(audit.listing(reading)[0]) == 4
    for act in (audit.verify, audit.clear, lambda memory: audit.prune(memory, 1)):
        with pytest.raises(BadInput, match="readonly"):
            act(reading)


# What is damaged


def test_all_is_well(filled):
    on_disk = sum(path.stat().st_size for path in filled.folder.rglob("*") if path.is_file())
    assert audit.verify(filled) == audit.Audit(N_RESULTS, on_disk)
    assert audit.verify(again(filled)) == audit.Audit(N_RESULTS, on_disk)
    assert use(filled) == 0


PLACES = {
    "head": (segment, lambda m: 5),
    "salt": (segment, lambda m: 50),
    "code header": (segment, lambda m: HEADER_BYTES + 7),
    "code body": (segment, lambda m: records(m)[0].body + 5),
    "header": (segment, lambda m: records(m)[2].start + 20),
    "body": (segment, lambda m: records(m)[2].body + 60),
    "last header": (segment, lambda m: records(m)[-1].start),
    "last body": (segment, lambda m: records(m)[-1].body + records(m)[-1].length - 1),
    "file header": (lambda m: file_of(m, "large"), lambda m: 40),
    "document": (lambda m: file_of(m, "large"), lambda m: 250),
    "data": (lambda m: file_of(m, "large"), lambda m: 1_200_000),
    "file index": (lambda m: file_of(m, "large"), lambda m: -600),
    "footer": (lambda m: file_of(m, "large"), lambda m: -5),
    "stream head": (lambda m: file_of(m, "items", "records"), lambda m: 9),
    "item header": (lambda m: file_of(m, "items", "records"), lambda m: HEADER_BYTES + 16),
    "item": (lambda m: file_of(m, "items", "records"), lambda m: 2 * HEADER_BYTES + 3),
    "end": (lambda m: file_of(m, "items", "records"), lambda m: -40),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("known", [True, False])
def test_flipped_bits(filled, place, known, monkeypatch, tmp_path):
    path, at = PLACES[place]
    flip(path(filled), at(filled))
    asked = again(filled) if known else elsewhere(filled, monkeypatch, tmp_path)
    found = audit.verify(asked)
    assert len(found.damaged) == 1, found
    assert str(filled.folder) in found.damaged[0]
    assert (found.stay, found.unsigned, found.orphans, found.stale) == ([], [], 0, 0)
    lost = {"head": 7, "salt": 7, "code header": 0, "code body": 0}.get(place, 1)
    assert found.results == N_RESULTS - lost
    after = audit.verify(again(filled))
    assert after == audit.Audit(N_RESULTS - lost, after.bytes)
    if known:  # or nobody knows what the code was of
        assert audit.UNKNOWN not in [one.function for one in audit.listing(asked)[0]]
    assert use(again(filled)) == lost
    assert not audit.verify(again(filled)).damaged


@pytest.mark.parametrize("part", [0, 1])
def test_code_that_is_lost_is_written_again(filled, part, monkeypatch, tmp_path):
    """As long as the index of one machine knows it, others learn of it."""
    code = records(filled)[0]
    flip(segment(filled), (code.start + 20, code.body + 5)[part])
    assert audit.verify(again(filled)).damaged
    names = [one.function for one in audit.listing(elsewhere(filled, monkeypatch, tmp_path))[0]]
    assert len(names) == 4
    assert audit.UNKNOWN not in names


@pytest.mark.parametrize("more", [0, 70], ids=["between", "within"])
def test_a_segment_that_was_cut_short(filled, more, monkeypatch, tmp_path):
    end = records(filled)[4].start + more
    os.truncate(segment(filled), end)
    found = audit.verify(again(filled))
    assert len(found.damaged) == 1
    assert f"has lost 4 results that the index has in its {end:,} bytes" in found.damaged[0]
    assert (found.results, found.stale, found.orphans) == (N_RESULTS - 4, 0, bool(more))
    assert audit.verify(elsewhere(filled, monkeypatch, tmp_path)).results == N_RESULTS - 4
    assert use(again(filled)) == 4


@pytest.mark.parametrize(("function", "suffix"), [("large", "onebox"), ("items", "records")])
def test_a_file_that_was_cut_short(filled, function, suffix):
    path = file_of(filled, function, suffix)
    os.truncate(path, path.stat().st_size - 100)
    assert len(audit.verify(again(filled)).damaged) == 1
    assert not path.exists()
    assert use(again(filled)) == 1


def test_what_was_deleted_or_moved_by_hand(filled):
    file_of(filled, "large").unlink()
    found = audit.verify(again(filled))
    assert (found.damaged, found.stale, found.results) == ([], 1, N_RESULTS - 1)
    segment(filled).unlink()
    found = audit.verify(again(filled))
    assert (found.damaged, found.stale, found.results) == ([], 7, 1)
    assert use(again(filled)) == N_RESULTS - 1


def test_a_dataset_that_is_damaged(memory, monkeypatch, tmp_path):
    @memory.cache
    def rows(n):
        return ob.dataset({"a": np.arange(n)})

    assert rows(10_000).n_rows == 10_000
    assert audit.verify(again(memory)).results == 1
    path = file_of(memory, "rows", "parquet")
    flip(path, -6)
    assert not audit.verify(elsewhere(memory, monkeypatch, tmp_path)).damaged  # whose is it?
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg-CACHE"))
    found = audit.verify(again(memory))
    assert (len(found.damaged), found.results) == (1, 0)
    assert not path.exists()


def database():
    (path,) = (Path(os.environ["XDG_CACHE_HOME"]) / "onebox" / "index").glob("*.sqlite")
    return path


@pytest.mark.parametrize("seed", range(20))
def test_a_flipped_bit_in_the_index(filled, seed):
    audit.listing(filled)
    filled._folder.shelf.index.close()
    content = np.frombuffer(database().read_bytes(), np.uint8)
    rng = random.Random(seed)
    flip(database(), rng.choice(np.flatnonzero(content).tolist()))
    found = audit.verify(again(filled))
    assert (found.damaged, found.results) == ([], N_RESULTS)
    assert audit.verify(again(filled)) == audit.Audit(N_RESULTS, found.bytes)
    uses, _ = audit.listing(again(filled))
    assert sorted(one.results for one in uses) == [1, 1, 1, 6]
    assert use(again(filled)) == 0


def test_an_index_that_is_garbage_or_gone(filled):
    for damage in (lambda: database().write_bytes(b"no index" * 1000), lambda: database().unlink()):
        filled._folder.shelf.index.close()
        for path in database().parent.glob("*-*"):
            path.unlink()
        damage()
        assert audit.verify(again(filled)).results == N_RESULTS
        assert use(again(filled)) == 0


def test_uses_that_the_index_has_counted_stay(filled):
    functions = kept(filled)
    for _ in range(3):
        functions.small(1)
    index = filled._folder.shelf.index
    index.flush()
    with index.change() as base:
        base.execute("update results set checksum = 0 where body = (select max(body) from results)")
    assert audit.verify(again(filled)).stale == 1
    assert sum(one.hits for one in audit.listing(again(filled))[0]) == 3


# What was left behind


def test_leftovers(filled):
    ended = subprocess.run(
        [sys.executable, "-c", "from onebox.storage.processes import owner_of_this_process as o;"
         "print(o())"], stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    name = f".x.{ended.stdout.strip()}-00000000.onebox-tmp"
    (filled.folder / "packed" / name).write_text("x")
    (file_of(filled, "large").parent / name).write_text("x")
    (filled.folder / "packed" / ".0123.lease").write_text("")
    with open(segment(filled), "ab") as file:  # a writer was killed
        file.write(segment(filled).read_bytes()[HEADER_BYTES : 2 * HEADER_BYTES + 5])
    found = audit.verify(again(filled))
    assert (found.damaged, found.orphans, found.results) == ([], 4, N_RESULTS)
    assert audit.verify(again(filled)).orphans == 0
    assert not list(filled.folder.rglob(".*"))
    assert use(again(filled)) == 0


# Who wrote it


@pytest.fixture
def signed_by_somebody_else(memory, monkeypatch, tmp_path):
    functions = kept(memory)
    functions.signed(1.5), functions.small(1)
    memory._folder.shelf.segments.seal()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "somebody else"))
    return memory


def test_results_that_are_not_signed_by_this_user(signed_by_somebody_else):
    memory = signed_by_somebody_else
    found = audit.verify(again(memory))
    assert (found.damaged, found.results) == ([], 2)
    assert "no key here" in found.unsigned[0]
    ob.Memory(memory.folder)._folder.signer.sign("", {}, {})  # makes a key
    found = audit.verify(again(memory))
    (told,) = found.unsigned
    assert told.startswith(name_of(memory, "signed"))
    assert "signed by somebody else" in told
    assert "signed='group'" in told
    assert audit.clear(again(memory), name_of(memory, "signed")).results == 1
    assert audit.verify(again(memory)).unsigned == []


def test_what_is_deleted_is_not_reported(signed_by_somebody_else):
    memory = signed_by_somebody_else
    shelf = again(memory)._folder.shelf
    ((key,),) = shelf.index.rows(
        "select key from results join codes using (code) where function like '%signed'"
    )
    shelf.forget("", key)
    assert audit.verify(again(memory)).unsigned == []


def test_a_key_of_a_group(memory, monkeypatch, tmp_path):
    shared = ob.Memory(memory.folder, signed="group")
    kept(shared).signed(1.5)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "somebody else"))
    assert audit.verify(again(memory)).unsigned == []


# Others at work

HOLDER = """
import sys
import onebox as ob
memory = ob.Memory(sys.argv[1])

@memory.cache
def doubled(x):
    return 2 * x

for x in range(20):
    doubled(x)
print("written", flush=True)
sys.stdin.readline()
print(sum(doubled(x) for x in range(20)), flush=True)
sys.stdin.readline()
"""


def test_damage_in_a_segment_that_is_written_to(memory, child):
    with child(HOLDER, memory.folder) as other:
        assert other.line() == "written"
        assert audit.verify(memory).results == 20
        with open(segment(memory), "r+b") as file:
            for record in records(memory)[5:7]:
                file.seek(record.body + 60)
                byte = file.read(1)[0]
                file.seek(record.body + 60)
                file.write(bytes([byte ^ 1]))
        found = audit.verify(again(memory))
        assert (len(found.damaged), len(found.stay), found.results) == (2, 1, 18)
        other.go_on()
        assert other.line() == str(sum(2 * x for x in range(20)))
    found = audit.verify(again(memory))
    assert (len(found.damaged), found.stay, found.results) == (2, [], 20)
    assert audit.verify(again(memory)).damaged == []


def test_clearing_a_segment_that_is_written_to(memory, child, monkeypatch, tmp_path):
    with child(HOLDER, memory.folder) as other:
        assert other.line() == "written"
        gone = audit.clear(memory)
        assert (gone.results, gone.open) == (20, 0)
        assert audit.listing(again(memory))[0] == []
        other.go_on()
        assert other.line() == str(sum(2 * x for x in range(20)))
        assert audit.listing(again(memory))[0][0].results == 20
    assert audit.clear(again(memory)).results == 20
    assert audit.listing(elsewhere(memory, monkeypatch, tmp_path)) == ([], 0)


WORKER = """
import random, sys, time, warnings
import numpy as np, onebox as ob
warnings.simplefilter("error")
memory = ob.Memory(sys.argv[1])

@memory.cache
def small(x):
    return x * 2

@memory.cache
def large(x):
    return np.full(6000, x)

@memory.cache
def items(x):
    yield from range(x)

rng = random.Random(0)
while True:
    x = rng.randrange(50)
    assert small(x) == 2 * x
    assert (large(x % 10) == x % 10).all()
    assert list(items(x % 10)) == list(range(x % 10))
    if x < 3:
        small.forget(x)
    print(x, flush=True)
"""


def test_while_others_use_it(memory, child):
    with child(WORKER, memory.folder) as one, child(WORKER, memory.folder) as other:
        for worker in (one, other):
            worker.line()
        for round_number in range(8):
            found = audit.verify(again(memory))
            assert (found.damaged, found.stay, found.unsigned) == ([], [], [])
            audit.listing(again(memory))
            if round_number % 3 == 1:
                audit.clear(again(memory))
            if round_number % 3 == 2:
                audit.prune(again(memory), 200_000)
            for worker in (one, other):
                for _ in range(30):
                    worker.line()
    found = audit.verify(again(memory))
    assert (found.damaged, found.stay) == ([], [])
    audit.clear(again(memory))
    assert audit.listing(again(memory)) == ([], 0)


@pytest.mark.parametrize(
    ("owner", "step"),
    [(Auditor, "_check_file"), (IndexCheck, "compare"), (Auditor, "_rewrite")],
    ids=["files", "index", "rewriting"],
)
def test_an_interrupt(filled, monkeypatch, owner, step):
    flip(segment(filled), records(filled)[2].body + 60)

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(owner, step, interrupted)
        with pytest.raises(KeyboardInterrupt):
            audit.verify(again(filled))
    assert len(audit.verify(again(filled)).damaged) == 1
    assert use(again(filled)) == 1


def test_memory_does_not_grow_with_the_files(memory):
    large = memory.cache(lambda n: np.zeros(n))
    large(5_000_000)
    again(memory)._folder.shelf.survey()
    tracemalloc.start()
    audit.verify(again(memory))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4_000_000


def test_a_folder_that_was_copied(filled, tmp_path):
    shutil.copytree(filled.folder, tmp_path / "copy")
    copied = ob.Memory(tmp_path / "copy")
    assert audit.verify(copied) == audit.verify(filled)
    assert use(copied) == 0
