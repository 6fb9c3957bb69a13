"""The nPSO model: counts, degrees, and how well the embedding finds its coordinates again."""

import numpy as np
import pytest

import netsparse.analysis as analysis
from netsparse import NetsparseError


@pytest.mark.parametrize(("n", "m"), [(2, 1), (5, 4), (60, 3)])
@pytest.mark.parametrize("temperature", [0.0, 0.4])
@pytest.mark.parametrize("gamma", [2.0, 3.0])
def test_links_and_radii(n, m, temperature, gamma):
    network = analysis.npso(n, m, temperature, gamma, n_communities=3, seed=1)
    assert network.adjacency.nnz // 2 == m * (m + 1) // 2 + (n - m - 1) * m
    assert (network.adjacency != network.adjacency.T).nnz == 0
    beta = 1 / (gamma - 1)
    assert np.allclose(network.radius, [2 * beta * np.log(i) + 2 * (1 - beta) * np.log(n) for i in range(1, n + 1)])
    assert ((network.theta >= 0) & (network.theta < 2 * np.pi)).all()
    again = analysis.npso(n, m, temperature, gamma, n_communities=3, seed=1)
    assert (again.adjacency != network.adjacency).nnz == 0


def test_at_temperature_0_the_nearest_are_linked():
    network = analysis.npso(40, 3, 0.0, 2.5, seed=2)
    for new in range(4, 40):
        radius = np.log(np.arange(1, new + 1)) * 2 / 1.5 + 2 * (1 - 1 / 1.5) * np.log(new + 1)
        distances = analysis.hyperbolic_distance(radius, network.theta[:new], 2 * np.log(new + 1), network.theta[new])
        row = network.adjacency[[new]].toarray()[0, :new]
        assert set(np.flatnonzero(row)) == set(np.argsort(distances)[:3])


def test_communities_are_the_nearest_centres():
    network = analysis.npso(400, 3, 0.1, 2.5, n_communities=5, seed=3)
    centres = 2 * np.pi * np.arange(5) / 5
    gaps = np.pi - np.abs(np.pi - np.abs(network.theta[:, None] - centres))
    assert np.array_equal(network.communities, gaps.argmin(axis=1))
    assert gaps.min(axis=1).std() < 2 * np.pi / 30
    assert np.bincount(network.communities).min() > 40


def test_degrees_follow_the_power_law():
    """At γ = 3 to the point; steeper or flatter ones are bent by the finite size, but in their order."""
    degrees = [np.diff(analysis.npso(3000, 4, 0.1, gamma, seed=0).adjacency.indptr) for gamma in (2.0, 2.5, 3.0, 4.0)]
    found = [analysis.fit_power_law(d).gamma for d in degrees]
    assert found == sorted(found)
    assert found[2] == pytest.approx(3.0, abs=0.2)
    rank = np.arange(10, 600)  # the degree falls as t^−β with the order of appearance
    slope = np.polyfit(np.log(rank), np.log(degrees[2][10:600]), 1)[0]
    assert slope == pytest.approx(-0.5, abs=0.05)


@pytest.mark.parametrize(
    ("gamma", "n_communities", "hd", "c", "separability"), [(3.0, 0, 0.95, 0.96, None), (2.5, 4, 0.87, 0.91, 0.98)]
)
def test_the_embedding_finds_the_coordinates(gamma, n_communities, hd, c, separability):
    """Figures of an independent implementation."""
    hds, cs, indices = [], [], []
    for seed in range(5):
        network = analysis.npso(300, 4, 0.1, gamma, n_communities, seed)
        embedding = analysis.coalescent_embedding(network.adjacency, reduction="ISO")
        hds.append(analysis.hd_correlation(embedding, network))
        cs.append(analysis.c_score(embedding.theta, network.theta))
        if separability:
            index, _ = analysis.angular_separability_index(embedding.theta, network.communities, n_permutations=0)
            indices.append(index)
    assert np.mean(hds) == pytest.approx(hd, abs=0.02)
    assert np.mean(cs) == pytest.approx(c, abs=0.02)
    assert not indices or np.median(indices) > separability


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((3, 3, 0.1, 3.0), "m=3"),
        ((9, 3, 1.0, 3.0), "temperature"),
        ((9, 3, 0.1, 1.9), "gamma"),
        ((9, 3, 0, 3.0, -1), "n_co"),
        ((9, 2.5, 0.1, 3.0), "whole number"),
    ],
)
def test_parameters_out_of_range(arguments, message):
    with pytest.raises(NetsparseError, match=message):
        analysis.npso(*arguments)
