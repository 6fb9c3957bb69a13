import logging
import sys

import numpy as np
import pytest

from netsparse import NetsparseError
from netsparse.topologies import TOPOLOGIES, correlated, erdos_renyi
from netsparse.topologies.budget import random_unlinked
from netsparse.topologies.correlated import correlation_matrix

DATA = np.random.default_rng(0).random((50, 6)) @ np.random.default_rng(1).random((6, 12))


@pytest.mark.parametrize("name", TOPOLOGIES)
@pytest.mark.parametrize("shape", [(12, 12), (12, 30), (5, 7), (1, 1), (0, 4), (3, 0)])
@pytest.mark.parametrize("density", [0.0, 0.1, 0.37, 1.0])
def test_every_topology_keeps_the_contract(name, shape, density):
    """Exact link count, canonical CSR of the shape, same seed same links."""
    if name == "fully_connected" and density < 1.0 and 0 not in shape:
        with pytest.raises(NetsparseError, match="density 1"):
            TOPOLOGIES[name](shape, density, np.random.default_rng(0), DATA)
        return
    made = [TOPOLOGIES[name](shape, density, np.random.default_rng(3), DATA) for _ in range(2)]
    assert made[0].shape == shape
    assert made[0].nnz == round(density * shape[0] * shape[1])
    assert made[0].has_canonical_format
    assert set(made[0].data.tolist()) <= {1}
    assert np.array_equal(made[0].toarray(), made[1].toarray())


@pytest.mark.parametrize("name", TOPOLOGIES)
def test_impossible_densities_are_refused(name):
    for density in (-0.1, 1.5):
        with pytest.raises(NetsparseError, match="density"):
            TOPOLOGIES[name]((3, 3), density, np.random.default_rng(0), DATA)


def test_erdos_renyi_is_uniform():
    rng = np.random.default_rng(0)
    counts = sum(erdos_renyi((6, 5), 0.3, rng).toarray() for _ in range(3000))
    assert np.all(np.abs(counts - 900) < 5 * np.sqrt(3000 * 0.3 * 0.7))


def test_random_unlinked_never_takes_what_is_taken():
    rng = np.random.default_rng(0)
    taken = np.array([0, 1, 5, 6, 14])
    for k in (0, 3, 10, 50):
        drawn = random_unlinked((3, 5), taken, k, rng)
        assert len(np.unique(drawn)) == len(drawn) == min(k, 10)
        assert not set(drawn) & set(taken)
        assert np.all((drawn >= 0) & (drawn < 15))


def test_correlation_matrix_equals_numpy():
    found = correlation_matrix(DATA)
    expected = np.abs(np.corrcoef(DATA.T))
    np.fill_diagonal(expected, 0.0)
    assert np.allclose(found, expected, atol=1e-5)


def test_correlation_matrix_in_batches_is_the_same(monkeypatch):
    whole = correlation_matrix(DATA)
    # by its module: the package shows the function of the same name
    monkeypatch.setattr(sys.modules["netsparse.topologies.correlated"], "_BATCH", 7)
    assert np.allclose(correlation_matrix(DATA), whole, atol=1e-6)


def test_correlated_links_the_largest_correlations():
    mask = correlated((12, 12), 30 / 144, np.random.default_rng(0), DATA).toarray()
    correlation = correlation_matrix(DATA)
    assert correlation[mask == 1].min() >= correlation[mask == 0].max()
    assert np.all(np.diag(mask) == 0)


def test_correlated_tiles_to_other_widths_and_takes_the_first_rows():
    wide = correlated((24, 24), 0.1, np.random.default_rng(0), DATA).toarray()
    scores = np.tile(correlation_matrix(DATA), (2, 2))
    assert scores[wide == 1].min() >= scores[wide == 0].max()
    cut = correlated((12, 18), 0.1, np.random.default_rng(0), DATA).toarray()
    assert scores[:12, :18][cut == 1].min() >= scores[:12, :18][cut == 0].max()


def test_constant_features_get_no_link_and_missing_links_are_drawn_and_told(caplog):
    data = np.zeros((10, 4))
    data[:, 0] = np.arange(10)
    data[:, 1] = -np.arange(10)
    mask = correlated((4, 4), 2 / 16, np.random.default_rng(0), data).toarray()
    assert np.argwhere(mask).tolist() == [[0, 1], [1, 0]]
    with caplog.at_level(logging.WARNING, "netsparse"):
        more = correlated((4, 4), 6 / 16, np.random.default_rng(0), data)
    assert more.nnz == 6
    assert "drawn at random" in caplog.text


def test_correlated_needs_data():
    for data, message in (
        (None, "needs data"),
        (np.ones((1, 4)), "two samples"),
        (np.ones(4), "two samples"),
        (np.array([[1.0, 2.0], [3.0, np.nan]]), "NaN or infinity, first in feature 1"),
    ):
        with pytest.raises(NetsparseError, match=message):
            correlated((4, 4), 0.1, np.random.default_rng(0), data)
