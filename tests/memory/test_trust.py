"""Signatures: what would run code is opened only when its writer can be trusted."""

from __future__ import annotations

import os
import stat

import numpy as np
import pytest
import sklearn.ensemble
import sklearn.linear_model

import onebox as ob
from onebox.errors import BadInput


class Opaque:
    """Something that only pickle can write."""

    def __init__(self, x):
        self.x = x

    def __reduce__(self):
        return Opaque, (self.x,)


@pytest.fixture(autouse=True)
def keys(tmp_path, monkeypatch):
    """Keys of a user of this test alone."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config" / "onebox" / "results.key"


def another_user(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "elsewhere"))


def forest(X):
    return sklearn.ensemble.RandomForestClassifier(3, random_state=0).fit(X, X[:, 0] > 0)


CALLS: list[object] = []


def opaque(x, size=1):
    CALLS.append(x)
    return {"object": Opaque(x), "rows": np.arange(size)}


@pytest.fixture
def calls():
    CALLS.clear()
    return CALLS


@pytest.mark.parametrize("size", [1, 100_000], ids=["packed", "file"])
def test_ones_own_results(tmp_path, keys, size, calls):
    kept = ob.Memory(tmp_path / "cache").cache(opaque)
    assert kept(3, size)["object"].x == kept(3, size)["object"].x == 3
    assert len(kept(3, size)["rows"]) == size
    assert calls == [3]
    if os.name != "nt":
        assert stat.S_IMODE(keys.stat().st_mode) == 0o600


def test_models_of_others(tmp_path):
    X = np.random.default_rng(0).normal(size=(100, 3))
    kept = ob.Memory(tmp_path / "cache").cache(forest)
    assert np.array_equal(kept(X).predict(X), kept(X).predict(X))
    assert kept.is_cached(X)


@pytest.mark.parametrize("size", [1, 100_000], ids=["packed", "file"])
def test_what_somebody_else_wrote_is_not_opened(tmp_path, monkeypatch, size, calls):
    ob.Memory(tmp_path / "cache").cache(opaque)(3, size)
    another_user(tmp_path, monkeypatch)
    kept = ob.Memory(tmp_path / "cache").cache(opaque)
    with pytest.warns(UserWarning, match=r"signed by somebody else.*signed='group'"):
        assert kept(3, size)["object"].x == 3
    assert calls == [3, 3]


@pytest.mark.parametrize("size", [1, 100_000], ids=["packed", "file"])
def test_a_group_shares_a_key(tmp_path, monkeypatch, size, calls):
    ob.Memory(tmp_path / "cache", signed="group").cache(opaque)(3, size)
    another_user(tmp_path, monkeypatch)
    ob.Memory(tmp_path / "cache", signed="group").cache(opaque)(3, size)
    assert calls == [3]
    if os.name != "nt":
        assert stat.S_IMODE((tmp_path / "cache" / "group.key").stat().st_mode) & 0o007 == 0


def test_plain_results_need_no_key(tmp_path, monkeypatch, keys, calls):
    ob.Memory(tmp_path / "cache").cache(np.linspace)(0, 1, 50)
    another_user(tmp_path, monkeypatch)
    kept = ob.Memory(tmp_path / "cache").cache(np.linspace)
    assert kept.is_cached(0, 1, 50)
    assert not keys.exists()


class Evil:
    """Something that makes a folder when it is unpickled."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (self.folder,)


@pytest.mark.parametrize("size", [1, 100_000], ids=["packed", "file"])
@pytest.mark.parametrize("signed", [True, False])
def test_a_planted_result_runs_nothing(tmp_path, monkeypatch, calls, size, signed):
    """A result that an attacker wrote, with a key of theirs or none, in the place of another."""
    another_user(tmp_path, monkeypatch)
    evil = ob.Memory(tmp_path / "cache").cache(opaque)
    call = evil._call((3, size), {})
    if not signed:
        monkeypatch.setattr(evil._entries.signer, "sign", lambda *args: None)
    value = [Evil(str(tmp_path / "ran")), np.zeros(size)]
    assert evil._entries.write(call.key, value, call.recipe)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    with pytest.warns(UserWarning, match="not opened" if signed else "not signed.*not opened"):
        assert ob.Memory(tmp_path / "cache").cache(opaque)(3, size)["object"].x == 3
    assert not (tmp_path / "ran").exists()


def test_a_signature_holds_for_one_key_only(tmp_path, calls):
    """A signed result under another result's name is not taken for it."""
    memory = ob.Memory(tmp_path / "cache")
    kept = memory.cache(opaque)
    one, two = kept.ref(1, 100_000).path, kept.ref(2, 100_000).path
    two.write_bytes(one.read_bytes())
    with pytest.warns(UserWarning, match="signed by somebody else"):
        assert kept(2, 100_000)["object"].x == 2


@pytest.mark.skipif(os.name == "nt", reason="modes of POSIX")
def test_a_key_that_others_can_read_signs_nothing(tmp_path, keys, calls):
    kept = ob.Memory(tmp_path / "cache").cache(opaque)
    kept(1)
    keys.chmod(0o644)
    with pytest.warns(UserWarning, match="can be read by others"):
        assert ob.Memory(tmp_path / "cache").cache(opaque)(2)["object"].x == 2


def test_an_unknown_way_of_signing(tmp_path):
    with pytest.raises(BadInput, match="'private' nor 'group'"):
        ob.Memory(tmp_path, signed="all")
