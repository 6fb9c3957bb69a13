"""Hyperbolic distances, and how two sets of coordinates are compared."""

import numpy as np
import pytest

import netsparse.analysis as analysis
from netsparse import NetsparseError

GRAPHS = ("bipA", "ba", "karate")


def test_hyperbolic_distance_by_hand():
    distance = analysis.hyperbolic_distance
    assert float(distance(1.0, 0.0, 2.0, np.pi)) == pytest.approx(3.0)
    assert float(distance(1.0, 0.0, 1.0, np.pi / 2)) == pytest.approx(1.51337, abs=1e-5)
    assert float(distance(1.0, 1.0, 3.5, 1.0)) == 2.5
    assert float(distance(1.0, 0.1, 2.0, 2 * np.pi - 0.1)) == pytest.approx(float(distance(1.0, 0.0, 2.0, 0.2)))


def test_distance_in_the_ball_is_the_disk_s_at_the_angle_between():
    rng = np.random.default_rng(0)
    theta, elevation, r = (
        rng.uniform(0, 2 * np.pi, (2, 50)),
        rng.uniform(-1.5, 1.5, (2, 50)),
        rng.uniform(0, 9, (2, 50)),
    )
    direction = np.stack(
        [np.cos(elevation) * np.cos(theta), np.cos(elevation) * np.sin(theta), np.sin(elevation)], axis=-1
    )
    between = np.arccos((direction[0] * direction[1]).sum(axis=1))
    found = analysis.hyperbolic_distance(r[0], theta[0], r[1], theta[1], elevation[0], elevation[1])
    assert np.allclose(found, analysis.hyperbolic_distance(r[0], 0.0, r[1], between), rtol=1e-6)


def test_poincare_radius():
    assert np.allclose(analysis.poincare_radius([0.0, 2.0]), [0.0, np.tanh(1.0)])


@pytest.mark.parametrize("graph", GRAPHS)
def test_comparison_equals_the_authors(oracles, graph):
    """Of pairs that face each other the authors' program decides by rounding; they are 1 in n here."""
    first, second = (oracles[graph][f"embedding/RA1_{reduction}_EA"] for reduction in ("ncISO", "ISO"))
    expected = oracles[graph]["compare_ncISO_ISO"]
    assert analysis.hd_correlation(tuple(first.T), tuple(second.T)) == pytest.approx(expected[0], abs=1e-9)
    assert analysis.c_score(first[:, 0], second[:, 0]) == pytest.approx(expected[1], abs=2e-3)


def test_comparison_equals_plain_loops():
    rng = np.random.default_rng(3)
    for n in (3, 10, 40):
        theta, known = rng.uniform(0, 2 * np.pi, (2, n))
        radius, other = rng.uniform(0, 8, (2, n))
        i, j = np.triu_indices(n, 1)
        turn = [np.sign(np.sin(angles[j] - angles[i])) for angles in (theta, known)]
        share = np.mean(turn[0] == turn[1])
        assert analysis.c_score(theta, known) == pytest.approx(max(share, 1 - share))
        distances = [
            analysis.hyperbolic_distance(r[i], angles[i], r[j], angles[j])
            for r, angles in ((radius, theta), (other, known))
        ]
        plain = np.corrcoef(*distances)[0, 1]
        assert analysis.hd_correlation((theta, radius), (known, other)) == pytest.approx(plain, abs=1e-9)


def test_c_score_of_tied_and_facing_nodes_equals_a_plain_loop():
    """Angles on twelve hours: many are equal, many face each other, and nodes of both kinds have no shorter way."""
    rng = np.random.default_rng(0)

    def turn(a, b):
        step = (b - a) % 12
        return "same" if step == 0 else "facing" if step == 6 else "left" if step < 6 else "right"

    mirror = {"same": "same", "facing": "facing", "left": "right", "right": "left"}
    for _ in range(40):
        first, second = rng.integers(0, 12, (2, int(rng.integers(2, 25))))
        pairs = [(turn(first[i], first[j]), turn(second[i], second[j])) for j in range(len(first)) for i in range(j)]
        expected = max(np.mean([a == b for a, b in pairs]), np.mean([a == mirror[b] for a, b in pairs]))
        assert analysis.c_score(first * np.pi / 6, second * np.pi / 6) == pytest.approx(expected)


def test_comparison_does_not_see_rotation_reflection_and_missing_nodes():
    theta = np.random.default_rng(0).permutation(40) * 2 * np.pi / 40
    radius = np.linspace(1, 7, 40)
    for moved in (theta, (theta + 1.234) % (2 * np.pi), (2 * np.pi - theta) % (2 * np.pi)):
        assert analysis.c_score(moved, theta) == 1.0
        assert analysis.hd_correlation((moved, radius), (theta, radius)) == pytest.approx(1.0)
    moved[:10] = np.nan
    assert analysis.c_score(moved, theta) == 1.0


def test_comparison_of_too_few_or_unequal():
    one, radius = np.zeros(1), np.ones(1)
    assert analysis.c_score(one, one).reason
    assert analysis.hd_correlation((one, radius), (one, radius)).reason
    zeros = np.zeros(5)
    assert analysis.hd_correlation((zeros, zeros), (zeros, zeros)).reason
    with pytest.raises(NetsparseError, match="equal length"):
        analysis.c_score(one, zeros)
    ball = analysis.coalescent_embedding(np.ones((5, 5)) - np.eye(5), dims=3)
    with pytest.raises(NetsparseError, match="ball"):
        analysis.hd_correlation(ball, ball)
    with pytest.raises(NetsparseError, match="equally many"):
        analysis.hd_correlation((one, radius), (zeros, zeros))
