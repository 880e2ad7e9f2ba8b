"""Entries that are damaged, foreign or of another version are computed again, with a warning."""

from __future__ import annotations

import warnings

import pytest

import onebox as ob
from onebox.aggregates.gram import GramSummary
from onebox.engine.kept import keys
from onebox.linear_model import Ridge


def fit(folder, memory):
    data = ob.dataset(str(folder))
    with ob.config(cache=memory):
        return Ridge().fit(data.select("a", "b", "c", "d"), data["y"])


def files_of(memory):
    return sorted(p for p in memory.folder.rglob("*") if p.is_file())


@pytest.mark.parametrize("where", [0.1, 0.5, 0.9])
def test_a_flipped_bit(folder, memory, where):
    whole = ob.fingerprint(fit(folder, memory))
    for path in files_of(memory):
        if "sqlite" in path.name or path.name.startswith("."):
            continue
        data = bytearray(path.read_bytes())
        if data:
            data[int(len(data) * where)] ^= 4
            path.write_bytes(data)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        again = fit(folder, ob.Memory(memory.folder))
    assert ob.fingerprint(again) == whole
    if again.fit_report_.cache_hits < 30:
        assert any("damaged" in str(one.message) or "computed again" in str(one.message) or
                   "checksum" in str(one.message) for one in said)  # fmt: skip


def test_entries_of_another_version_are_not_used(folder, memory, monkeypatch):
    whole = ob.fingerprint(fit(folder, memory))
    monkeypatch.setattr(keys, "VERSION", 2)
    again = fit(folder, memory)
    assert again.fit_report_.cache_hits == 0
    assert ob.fingerprint(again) == whole


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
        again = fit(folder, memory)
    assert ob.fingerprint(again) == whole
    assert again.fit_report_.cache_hits == 0
