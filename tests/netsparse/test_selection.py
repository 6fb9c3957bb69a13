import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsparse import NetsparseError
from netsparse.selection import top_k


@given(st.lists(st.integers(0, 4), max_size=30), st.integers(0, 35), st.integers(0, 5))
def test_exactly_k_and_none_left_out_is_better(scores, k, seed):
    scores = np.array(scores, float)
    chosen = top_k(scores, k, np.random.default_rng(seed))
    assert len(chosen) == len(set(chosen.tolist())) == min(k, len(scores))
    assert np.all(np.diff(scores[chosen]) <= 0)
    left = np.setdiff1d(np.arange(len(scores)), chosen)
    if len(chosen) and len(left):
        assert scores[left].max() <= scores[chosen].min()


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30), st.integers(0, 30))
def test_ties_follow_the_tie_break_then_chance(pairs, k):
    scores, second = np.array(pairs, float).T
    chosen = top_k(scores, k, np.random.default_rng(0), second)
    expected = sorted(range(len(pairs)), key=lambda i: (-scores[i], -second[i]))[:k]
    assert [(scores[i], second[i]) for i in chosen] == [(scores[i], second[i]) for i in expected]


def test_chance_is_seeded_and_fair():
    scores = np.zeros(6)
    same = [top_k(scores, 3, np.random.default_rng(7)).tolist() for _ in range(2)]
    assert same[0] == same[1]
    rng = np.random.default_rng(0)
    counts = np.bincount(np.concatenate([top_k(scores, 3, rng) for _ in range(2000)]), minlength=6)
    assert np.all(np.abs(counts - 1000) < 5 * np.sqrt(2000 * 0.25))


def test_bad_input():
    with pytest.raises(NetsparseError, match="negative"):
        top_k(np.ones(2), -1, np.random.default_rng(0))
    with pytest.raises(NetsparseError, match="NaN"):
        top_k(np.array([1.0, np.nan]), 1, np.random.default_rng(0))
