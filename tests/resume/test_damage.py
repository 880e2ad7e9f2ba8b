"""Entries that are damaged, foreign or of another version are computed again, with a warning."""

from __future__ import annotations

import numpy as np
import pytest

import onebox as ob
from onebox.aggregates import Gram
from onebox.aggregates.gram import GramSummary
from onebox.engine.kept import keys
from onebox.linear_model import Ridge


def fit(folder, memory):
    data = ob.dataset(str(folder))
    with ob.config(cache=memory):
        return Ridge().fit(data.select("a", "b", "c", "d"), data["y"])


def files_of(memory):
    return sorted(p for p in memory.folder.rglob("*") if p.is_file())


@pytest.fixture(autouse=True)
def keys_of_a_user(tmp_path, monkeypatch):
    """Signatures of a user of this test alone."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "me"))


def flip(path, where):
    """Change one bit of a file."""
    data = bytearray(path.read_bytes())
    data[int(len(data) * where)] ^= 4
    path.write_bytes(data)


@pytest.mark.parametrize("where", [0.1, 0.5])
def test_a_flipped_bit(folder, memory, where):
    whole = ob.fingerprint(fit(folder, memory))
    (packed,) = [path for path in files_of(memory) if path.suffix == ".records"]
    flip(packed, where)
    with pytest.warns(UserWarning, match="does not match its checksum.*computed again"):
        again = fit(folder, ob.Memory(memory.folder))
    assert again.fit_report_.cache_hits == 0
    assert ob.fingerprint(again) == whole
    third = fit(folder, ob.Memory(memory.folder))
    assert third.fit_report_.cache_hits == 30
    assert ob.fingerprint(third) == whole


@pytest.mark.parametrize("where", [0.02, 0.3, 0.6, 0.97])
def test_a_flipped_bit_of_a_state(tmp_path, memory, where):
    """Of what is too large to be packed with others, and has a file of its own."""
    rows = np.random.default_rng(0).standard_normal((4000, 600))
    np.save(tmp_path / "rows.npy", rows)

    def ask():
        with ob.config(cache=ob.Memory(memory.folder)):
            return ob.aggregate(ob.dataset(tmp_path / "rows.npy"), Gram())

    whole = ask()
    states = [path for path in files_of(memory) if path.suffix == ".onebox"]
    assert states
    for path in states:
        flip(path, where)
    with pytest.warns(UserWarning, match="computed again"):
        again = ask()
    assert again.xx.tobytes() == whole.xx.tobytes()


def test_entries_of_another_version_are_not_used(folder, memory, monkeypatch):
    whole = ob.fingerprint(fit(folder, memory))
    keys.machine_key.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys, "own_version", lambda: "99.0")
        with pytest.warns(UserWarning, match=r"filled by onebox \d.*This is onebox 99\.0"):
            newer = fit(folder, memory)
        assert newer.fit_report_.cache_hits == 0
        assert ob.fingerprint(newer) == whole
        assert fit(folder, memory).fit_report_.cache_hits == 30  # said once
    keys.machine_key.cache_clear()
    assert fit(folder, memory).fit_report_.cache_hits == 30


RAN = []


class Opaque:
    """Something that only pickle can write, and that runs code when it is read."""

    def __reduce__(self):
        return RAN.append, (1,)


def test_an_entry_with_a_foreign_signature(folder, memory, tmp_path, monkeypatch):
    """Somebody who can write into the folder puts what would run code in the place of summaries."""
    whole = ob.fingerprint(fit(folder, memory))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "somebody else"))
    entries = ob.Memory(memory.folder).entries("summaries")
    recipe = {"arguments": {}, "code": [], "version": ""}
    n_replaced = 0
    for (raw,) in entries.shelf.index.rows("select key from results"):
        value = entries.read(raw.hex())
        if isinstance(value, dict) and "units" in value:
            assert entries.write(raw.hex(), {**value, "data": Opaque()}, recipe)
            n_replaced += 1
    assert n_replaced
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "me"))
    with pytest.warns(UserWarning, match="signed by somebody else.*computed again"):
        again = fit(folder, ob.Memory(memory.folder))
    assert not RAN
    assert again.fit_report_.cache_hits == 0
    assert ob.fingerprint(again) == whole
    assert fit(folder, ob.Memory(memory.folder)).fit_report_.cache_hits == 30


def test_what_cannot_be_understood_is_computed_again(folder, memory):
    whole = ob.fingerprint(fit(folder, memory))
    entries = memory.entries("summaries")
    original = type(entries).read

    def read(self, key, **how):
        value = original(self, key, **how)
        if isinstance(value, dict) and "units" in value:
            return {**value, "units": value["units"].replace("GramSummary", "GramSummery")}
        return value

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(entries), "read", read)
        with pytest.warns(UserWarning, match="another version of onebox"):
            again = fit(folder, memory)
    assert again.fit_report_.cache_hits == 0
    assert ob.fingerprint(again) == whole


def test_a_cache_that_cannot_be_written_to_costs_time_only(folder, tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.warns(UserWarning, match="not kept"):
        made = fit(folder, ob.Memory(tmp_path / "file" / "cache"))
    assert ob.fingerprint(made) == ob.fingerprint(
        Ridge().fit(*(lambda d: (d.select("a", "b", "c", "d"), d["y"]))(ob.dataset(str(folder))))
    )


def test_an_entry_that_somebody_else_has_put_there_runs_no_code(folder, memory):
    """What is kept is numbers and text; a class that is no summary's is not built."""
    whole = ob.fingerprint(fit(folder, memory))
    entries = memory.entries("summaries")
    original = type(entries).read

    def read(self, key, **how):
        value = original(self, key, **how)
        if isinstance(value, dict) and "units" in value:
            own = f"{GramSummary.__module__}:{GramSummary.__qualname__}"
            assert own in value["units"]
            return {**value, "units": value["units"].replace(own, "subprocess:Popen")}
        return value

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(entries), "read", read)
        with pytest.warns(UserWarning, match="another version of onebox"):
            again = fit(folder, memory)
    assert ob.fingerprint(again) == whole
    assert again.fit_report_.cache_hits == 0
