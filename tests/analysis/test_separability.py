"""Angular separability of communities."""

import numpy as np
import pytest

import netsparse.analysis as analysis
from netsparse import NetsparseError
from netsparse.analysis import separability


@pytest.mark.parametrize("graph", ["bipA", "ba", "karate"])
def test_angular_separability_equals_the_authors(oracles, graph):
    numbers = oracles[graph]
    theta = numbers["embedding/RA1_ncISO_EA"][:, 0]
    for column, expected in enumerate(np.ravel(numbers["asi_theoretical"])):
        index, _ = analysis.angular_separability_index(theta, numbers["asi_labels"][:, column], n_permutations=0)
        assert index == pytest.approx(float(expected), abs=1e-12)


def plain_mistakes(labels: np.ndarray) -> int:
    """Walk around the circle for each group and count foreigners in all gaps but the largest."""
    total = 0
    for group in np.unique(labels):
        members = np.flatnonzero(labels == group)
        gaps = []
        for i, start in enumerate(members):
            end = members[(i + 1) % len(members)]
            inside = 0
            at = (start + 1) % len(labels)
            while at != end:
                inside += 1
                at = (at + 1) % len(labels)
            gaps.append(inside if len(members) > 1 else len(labels) - 1)
        total += sum(gaps) - max(gaps)
    return total


def test_angular_separability_by_hand_and_by_walking():
    angles = np.arange(12.0)
    contiguous, alternating = np.repeat([0, 1, 2], 4), np.tile([0, 1, 2], 4)
    index = analysis.angular_separability_index
    assert index(angles, contiguous, n_permutations=0)[0] == 1.0
    assert index(angles, alternating, n_permutations=0)[0] == 0.0
    assert plain_mistakes(alternating) == 18  # six a group
    rng = np.random.default_rng(0)
    for _ in range(60):
        labels = rng.integers(0, rng.integers(2, 5), size=rng.integers(4, 15))
        _, codes = np.unique(labels, return_inverse=True)
        assert separability.count_mistakes(codes, codes.max() + 1) == plain_mistakes(labels)


def test_angular_separability_p_values():
    rng = np.random.default_rng(1)
    angles, labels = np.arange(40.0), np.repeat([0, 1], 20)
    assert analysis.angular_separability_index(angles, labels)[1] == pytest.approx(1 / 1001)
    random = [
        analysis.angular_separability_index(angles, rng.permutation(labels), seed=i, n_permutations=99)[1]
        for i in range(60)
    ]
    assert 0.3 < np.mean(random) < 0.75
    index, _ = analysis.angular_separability_index(angles, labels, worst="random")
    assert index == 1.0
    assert analysis.angular_separability_index(angles, np.zeros(40))[0].reason
    with pytest.raises(NetsparseError, match="equal length"):
        analysis.angular_separability_index(angles, labels[:-1])
    with pytest.raises(NetsparseError, match="worst"):
        analysis.angular_separability_index(angles, labels, worst="none")


def test_random_orders_are_even():
    """Of three labels in a row every order comes up as often."""
    orders = separability._mistakes_by_chance(np.array([0, 0, 1, 1]), 2, np.arange(6000, dtype=np.uint64))
    # 0101 and 1010, two of the six orders, have one mistake each group
    assert np.isin(orders, [0, 2]).all()
    assert np.mean(orders == 2) == pytest.approx(1 / 3, abs=0.03)
