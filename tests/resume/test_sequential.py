"""A model that every block moves goes on where it stood, in the order it had."""

from __future__ import annotations

import numpy as np
import pytest

import onebox as ob
from onebox.base import Sequential
from onebox.engine.kept import checkpoint
from onebox.engine.run import Run


class Broken(Exception):
    pass


class Perceptron(Sequential):
    """Least squares by stochastic gradient, a few epochs in a seeded order of units."""

    def __init__(self, rate=1e-4, epochs=3, random_state=0, fails_at=None):
        self.rate, self.epochs, self.random_state = rate, epochs, random_state
        self.fails_at = fails_at

    def get_params(self, deep=True):
        return {"rate": self.rate, "epochs": self.epochs, "random_state": self.random_state}

    def fit(self, X, y):
        view, settings = self._training_view(X, y, needs_y=True)
        learned = self._learned(view, settings)
        n, units = len(view.layout.units), view.layout.units
        position, state = learned.resume() or ((0, 0), {"coef": np.zeros(len(view.schema.names))})
        coef, self.n_seen_ = state["coef"].copy(), 0
        first, at = position
        with Run(view, [], settings=settings, job="Perceptron", many_passes=True) as run:
            for epoch in range(first, self.epochs):
                order = np.random.default_rng([self.random_state, epoch]).permutation(n)
                for i in range(at, n):
                    for block in run.blocks_of([units[order[i]]]):
                        coef += self.rate * block.X.T @ (block.y - block.X @ coef)
                    self.n_seen_ += 1
                    learned.offer((epoch, i + 1), {"coef": coef})
                    if self.n_seen_ == self.fails_at:
                        raise Broken
                at = 0
        learned.finish()
        self.coef_ = coef
        return self


def test_a_sequential_fit_goes_on(folder, memory, monkeypatch):
    monkeypatch.setattr(checkpoint, "EVERY_SECONDS", 0.0)
    monkeypatch.setattr(checkpoint, "LEISURE", 0)
    data = ob.dataset(str(folder))
    X, y = data.select("a", "b", "c", "d"), data["y"]
    whole = Perceptron().fit(X, y)
    assert whole.n_seen_ == 90
    with ob.config(cache=memory):
        seen = 0
        for fails_at in (40, 17, 30):
            model = Perceptron(fails_at=fails_at)
            with pytest.raises(Broken):
                model.fit(X, y)
            seen += model.n_seen_
        last = Perceptron().fit(X, y)
        assert last.coef_.tobytes() == whole.coef_.tobytes()
        assert last.n_seen_ < 60
        assert Perceptron().fit(X, y).n_seen_ == 90  # a finished fit leaves nothing behind
    with ob.config(cache=memory):
        model = Perceptron(fails_at=20)
        with pytest.raises(Broken):
            model.fit(X, y)
        assert Perceptron(rate=2e-4).fit(X, y).n_seen_ == 90  # another configuration
