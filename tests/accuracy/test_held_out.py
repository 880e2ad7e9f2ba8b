"""The loss of a sequential fit on partitions that are held out."""

from __future__ import annotations

import numpy as np
import pytest

import onebox as ob
from onebox.base import HeldOut, Losses, Plateau, Sequential
from onebox.engine.run import Run
from onebox.errors import BadInput, NotMergeable


class Descent(Sequential):
    """Least squares by stochastic gradients, which stops when the loss does."""

    def fit(self, X, y):
        view, settings = self._training_view(X, y, needs_y=True)
        held = HeldOut.of(view, 0.2, seed=0)
        self.coef_, self.plateau_ = np.zeros(view.schema.n_features), Plateau()
        with Run(view, [], settings=settings, many_passes=True) as run:
            for _ in range(200):
                for block in run.blocks():
                    if not held.holds(block.partition):
                        residual = block.X @ self.coef_ - block.y
                        self.coef_ = self.coef_ - 0.05 * block.X.T @ residual / len(residual)
                if self.plateau_.see(held.losses(run, self.loss)):
                    return self
        return self

    def loss(self, block):
        return float(((block.y - block.X @ self.coef_) ** 2).sum()), block.n_rows


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    blocks = [rng.normal(size=(100, 3)) for _ in range(80)]
    X = np.concatenate(blocks)
    return X, X @ [1, 2, 3] + rng.normal(size=len(X))


def parquet(tmp_path, X, y):
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({**{f"x{j}": X[:, j] for j in range(3)}, "y": y})
    pq.write_table(table, tmp_path / "rows.parquet", row_group_size=100)
    data = ob.dataset(tmp_path / "rows.parquet")
    return data.drop("y"), data["y"]


def test_a_descent_stops_when_it_is_there(rows, tmp_path):
    model = Descent().fit(*parquet(tmp_path, *rows))
    assert len(model.plateau_.history) < 60
    np.testing.assert_allclose(model.coef_, [1, 2, 3], atol=0.1)
    last = model.plateau_.history[-1]
    low, high = last.interval(0.99)
    assert low < 1 < high
    with pytest.raises(NotMergeable, match="one block after the other"):
        model.merge(model)


def test_a_fall_is_better_known_than_a_loss():
    rng = np.random.default_rng(0)
    level = rng.gamma(2, size=40)
    before = Losses(100 * (level + 0.1), np.full(40, 100.0))
    after = Losses(100 * level + rng.normal(size=40) * 0.1, np.full(40, 100.0))
    fall = after.fall_from(before)
    assert float(fall) == pytest.approx(0.1, abs=0.01)
    assert fall.standard_error < after.mean().standard_error / 50


def test_noise_is_no_fall():
    rng = np.random.default_rng(0)
    plateau = Plateau(patience=3)
    seen = 0
    while not plateau.see(Losses(rng.normal(10, 1, size=30), np.ones(30))):
        seen += 1
    assert seen < 40


def test_too_few_partitions(rows):
    with pytest.raises(BadInput, match="16 or more"):
        HeldOut.of(ob.dataset(rows[0][:100]).view, 0.1, 0)
