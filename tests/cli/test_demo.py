"""The demo's parts on small pictures; the whole of it is marked slow."""

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.feature_extraction.image import extract_patches_2d
from sklearn.preprocessing import StandardScaler

import onebox as ob
from onebox.demo import Patches, centers, components, draw, overview, photographs
from onebox.demo.drawing import GAP, HEADING, MARGIN, ZOOM, by_brightness, mosaic, normalised
from onebox.errors import MissingDependency


def pictures(*shapes):
    rng = np.random.default_rng(0)
    return [rng.uniform(size=(*shape, 3)).astype(np.float32) for shape in shapes]


def all_patches(given, size):
    return np.concatenate(
        [extract_patches_2d(p, (size, size)).reshape(-1, 3 * size**2) for p in given]
    )


@given(
    shapes=st.lists(st.tuples(st.integers(4, 9), st.integers(4, 9)), min_size=1, max_size=3),
    size=st.integers(1, 4),
    n_jobs=st.sampled_from([1, 2]),
)
def test_rows_are_the_patches_of_scikit_learn(shapes, size, n_jobs):
    made = pictures(*shapes)
    with ob.config(n_jobs=n_jobs):
        rows = ob.dataset(Patches(made, size)).to_numpy()
    assert rows.dtype == np.float32
    assert np.array_equal(rows, all_patches(made, size))


@given(st.integers(0, 48), st.integers(0, 48), st.integers(1, 60))
def test_any_piece_can_be_read_alone(start, stop, rows_per_batch):
    made = pictures((9, 10))
    source = Patches(made, 3)
    (span,) = source.spans()
    assert span.n_rows == 7 * 8
    batches = list(source.read(span, start, max(stop, start), source.schema.names, rows_per_batch))
    read = [batch.data for batch in batches]
    wanted = all_patches(made, 3)[start : max(stop, start)]
    assert np.array_equal(np.concatenate([np.empty((0, 27)), *read]), wanted)


def test_columns_and_identity():
    made = pictures((8, 8))
    data = ob.dataset(Patches(made, 2))
    few = data.select("blue_1_0", "red_0_1")
    wanted = all_patches(made, 2).reshape(-1, 2, 2, 3)
    assert np.array_equal(few.to_numpy(), np.stack([wanted[:, 1, 0, 2], wanted[:, 0, 1, 0]], 1))
    assert ob.dataset(Patches(made, 2)).identity == data.identity
    assert ob.dataset(Patches(pictures((8, 9)), 2)).identity != data.identity


def test_what_is_learned_from_a_corner_of_the_photographs():
    corners = [photograph[200:250, 300:350] for photograph in photographs()]
    data, rows = ob.dataset(Patches(corners)), all_patches(corners, 12)
    means = rows.mean(axis=0, dtype=np.float64)
    assert overview(data).to_arrow()["mean"].to_numpy() == pytest.approx(means)
    pca = components(data)[-1]
    wanted = PCA(64, svd_solver="full").fit(StandardScaler().fit_transform(rows.astype(float)))
    assert pca.explained_variance_ratio_ == pytest.approx(
        wanted.explained_variance_ratio_, rel=1e-4
    )
    cosines = abs((pca.components_ * wanted.components_).sum(axis=1))
    assert cosines[:10].min() > 1 - 1e-6
    kmeans = centers(data)
    assert 0 <= kmeans.cluster_centers_.min() <= kmeans.cluster_centers_.max() <= 1
    nearest = kmeans.predict(data).to_numpy()
    assert np.unique(nearest).size == 64
    assert ((rows - kmeans.cluster_centers_[nearest]) ** 2).sum() == pytest.approx(
        kmeans.inertia_, rel=1e-3
    )


def test_patches_are_laid_out_row_by_row():
    patches = np.zeros((5, 12))
    patches[:, 0::3] = np.arange(5)[:, None] / 4  # red grows from patch to patch
    page = mosaic(patches)
    side, step = 2 * ZOOM, 2 * ZOOM + GAP
    assert page.shape == (2 * step - GAP, 3 * step - GAP, 3)
    for number, red in enumerate([0, 64, 128, 191, 255]):
        row, column = divmod(number, 3)
        tile = page[row * step :, column * step :][:side, :side]
        assert (tile == [red, 0, 0]).all()
    assert (page[step:, 2 * step :] == 255).all()


def test_each_component_has_a_scale_of_its_own():
    shown = normalised(np.array([[0.1, -0.2, 0.0], [3.0, 1.5, -3.0], [0.0, 0.0, 0.0]]))
    assert shown.tolist() == [[0.75, 0.0, 0.5], [1.0, 0.75, 0.0], [0.5, 0.5, 0.5]]
    assert by_brightness(np.array([[0.5], [0.1], [0.9]])).ravel().tolist() == [0.1, 0.5, 0.9]


def test_the_picture_holds_every_pixel(tmp_path):
    image = pytest.importorskip("matplotlib.image")
    photos, patches = pictures((20, 30), (10, 30)), pictures((4, 27))[0].reshape(4, 81)[:, :27]
    draw(tmp_path / "demo.png", photos, patches - 0.5, patches)
    page = (image.imread(tmp_path / "demo.png")[:, :, :3] * 255).round().astype(np.uint8)
    first = (photos[0] * 255).round()
    assert np.array_equal(page[HEADING:, MARGIN:][:20, :30], first)
    panel = mosaic(by_brightness(patches))
    height, width = panel.shape[:2]
    assert np.array_equal(page[HEADING:, -MARGIN - width :][:height, :width], panel)


def test_without_matplotlib_it_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingDependency, match=r"pip install 'onebox\[plot\]'"):
        draw(tmp_path / "demo.png", pictures((5, 5)), np.zeros((1, 12)), np.zeros((1, 12)))
    assert not list(tmp_path.iterdir())


def test_without_pillow_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingDependency, match=r"pip install 'onebox\[plot\]'"):
        photographs()


@pytest.mark.slow
def test_the_whole_demo_within_300_mb(onebox, tmp_path):
    ended, peak = onebox.measured("demo", "-o", "demo.png")
    assert ended.code == 0, ended.err
    assert "904 MB as float32" in ended.out
    assert peak <= 300e6
    assert (tmp_path / "demo.png").stat().st_size > 100_000
