"""What the first files have come to is kept as one state: a walk goes on from it, to the same bits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import onebox as ob
from onebox.engine.kept.prefixes import Prefixes, _chained
from onebox.engine.kept.units import UnitSummaries
from onebox.linear_model import Ridge

from .conftest import learned

N_FILES = 24  # of five row groups each: several summaries for each of the 32 groups


@pytest.fixture
def folder(tmp_path, write_part):
    for i in range(N_FILES):
        write_part(f"part-{i:02d}", i, n_rows=500, row_group_size=100)
    return tmp_path / "data"


@pytest.fixture
def looked_for(monkeypatch):
    """Numbers of the first partitions of all units whose own summaries were asked for."""
    numbers: list[int] = []
    find = UnitSummaries.find

    def counted(self, unit):
        numbers.append(unit.first_partition)
        return find(self, unit)

    monkeypatch.setattr(UnitSummaries, "find", counted)
    return numbers


def ridge(folder):
    data = ob.dataset(folder)
    return Ridge().fit(data.select("a", "b", "c", "d"), data["y"])


FITS = {"Ridge": ridge, "describe": lambda folder: ob.describe(ob.dataset(folder))}


@pytest.fixture(params=FITS.values(), ids=FITS)
def fit(request):
    return request.param


def check(fit, folder, memory, sha256):
    with ob.config(cache=memory):
        model = fit(folder)
    assert sha256(learned(model)) == sha256(learned(fit(folder)))
    report = model.report if hasattr(model, "report") else model.fit_report_
    return report.partitions - report.partitions_reused


def test_a_walk_goes_on_from_the_files_of_before(
    fit, folder, write_part, memory, sha256, looked_for
):
    assert check(fit, folder, memory, sha256) == 5 * N_FILES
    assert not looked_for
    write_part("part-90", 90, n_rows=500, row_group_size=100)
    assert check(fit, folder, memory, sha256) == 5
    assert not looked_for, "what was kept is one state"
    assert check(fit, folder, memory, sha256) == 0
    assert set(looked_for) <= set(range(5 * N_FILES, 5 * N_FILES + 5))


def test_what_a_file_in_the_middle_leaves_valid_is_gone_on_from(
    folder, write_part, memory, sha256, looked_for, monkeypatch
):
    monkeypatch.setattr("onebox.engine.kept.prefixes.SPARSE", 1)
    assert check(ridge, folder, memory, sha256) == 5 * N_FILES
    write_part("part-15b", 77, n_rows=500, row_group_size=100)
    assert check(ridge, folder, memory, sha256) == 5
    assert 0 < min(looked_for) < 80, "a state of some of the files before"
    assert max(looked_for) == 5 * N_FILES + 4
    looked_for.clear()
    (folder / "part-00.parquet").unlink()
    assert check(ridge, folder, memory, sha256) == 0
    assert looked_for == list(range(5 * N_FILES)), "no state begins with these"


def test_states_take_a_small_part_of_what_is_kept(folder, memory, monkeypatch):
    def sizes(keeps: bool) -> int:
        made = ob.Memory(memory.folder / str(keeps))
        with ob.config(cache=made):
            ridge(folder)
        return sum(path.stat().st_size for path in made.folder.rglob("*"))

    with_states = sizes(True)
    monkeypatch.setattr(Prefixes, "offer", lambda *_: None)
    assert sizes(False) < with_states < 1.5 * sizes(False)


def test_the_same_units_at_other_places_are_another_state(folder):
    """They belong to other groups: a walk over some units leaves nothing for a dataset of these."""

    class Keys:
        def of(self, unit):
            return [unit.span.file.encode()]

    units = ob.dataset(folder).view.layout.units
    moved = [replace(unit, first_partition=unit.first_partition + 1) for unit in units]
    assert not set(_chained(units, Keys())) & set(_chained(moved, Keys()))
    assert len(set(_chained(units, Keys()))) == len(units)


def test_a_damaged_state_is_passed_over(folder, write_part, memory, sha256, looked_for):
    check(ridge, folder, memory, sha256)
    state = "onebox.engine.kept.prefixes.state_of"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(state, lambda *_: None)
        assert check(ridge, folder, memory, sha256) == 0
    assert looked_for == list(range(5 * N_FILES))
    assert np.isfinite(ridge(folder).coef_).all()


def test_no_state_is_kept_that_is_larger_than_what_is_written_at_a_time(
    folder, memory, looked_for, monkeypatch
):
    monkeypatch.setattr("onebox.engine.kept.keeper.BATCH_BYTES", 1000)
    with ob.config(cache=memory):
        ridge(folder)
        ridge(folder)
    assert looked_for == list(range(5 * N_FILES))
