"""The power law against a plain search, SciPy, igraph and powerlaw."""

import igraph
import networkx as nx
import numpy as np
import pytest
from scipy.special import zeta

import netsparse.analysis as analysis
from netsparse import LayerGraph, NetsparseError
from netsparse.analysis import as_network
from netsparse.analysis import powerlaw_kernels as kernels
from netsparse.analysis.powerlaw import _semi_parametric, best_fit

GAMMAS = np.round(np.arange(1.01, 10.005, 0.01), 2)


def plain_fit(values: np.ndarray) -> analysis.PowerLawFit | None:
    """Every x_min, every γ of the grid, and the distance at and before every value, with SciPy's ζ."""
    different, counts = np.unique(values, return_counts=True)
    best = None
    for i, x_min in enumerate(different[:-1]):
        x, n = different[i:], counts[i:]
        likelihood = -GAMMAS * (n @ np.log(x)) - n.sum() * np.log(zeta(GAMMAS, x_min))
        gamma = GAMMAS[likelihood.argmax()]
        data = np.cumsum(n) / n.sum()
        at, before = (1 - zeta(gamma, edge) / zeta(gamma, x_min) for edge in (x + 1.0, x[1:] * 1.0))
        distance = max(np.abs(at - data).max(), np.abs(before - data[:-1]).max())
        if best is None or distance < best.distance:
            best = analysis.PowerLawFit(gamma, int(x_min), distance, int(n.sum()))
    return best


def with_degrees(degrees):
    found = as_network(nx.empty_graph(len(degrees)))
    found.degrees = np.asarray(degrees)
    return found


def samples():
    rng = np.random.default_rng(4)
    yield from (rng.zipf(gamma, n) for gamma in (1.3, 2.2, 3.5) for n in (10, 40, 150, 2000))
    yield rng.poisson(30, 1500) + 1
    yield np.array([1, 2])
    yield np.array([1, 1, 1, 7])
    yield np.array([2047, 2048, 2049, 2050, 5000])  # across the end of the table
    yield np.array([10**6, 10**6, 10**6 + 1, 10**9])
    yield np.repeat([5, 6], [1, 1000])


def test_the_fit_equals_a_plain_search():
    for values in samples():
        mine, plain = best_fit(values), plain_fit(values)
        if plain is None:  # all values drawn are equal
            assert mine is None
            continue
        assert (mine.gamma, mine.x_min, mine.n_tail) == (plain.gamma, plain.x_min, plain.n_tail)
        assert mine.distance == pytest.approx(plain.distance, abs=1e-9)


def test_zeta_is_scipys():
    table = kernels.zeta_table()
    x = np.unique(np.geomspace(1, kernels.TABLE, 200).astype(int))
    assert np.allclose(table[:, x], zeta(GAMMAS[:, None], x), rtol=1e-12, atol=0)
    for g in (0, 99, 899):
        far = [kernels.zeta(g, int(edge), GAMMAS, table) for edge in (2048, 2049, 10**5, 2**52)]
        assert far == pytest.approx(zeta(GAMMAS[g], [2048.0, 2049.0, 1e5, 2.0**52]), rel=1e-12)


def test_distance_is_over_every_whole_number():
    rng = np.random.default_rng(4)
    values = rng.zipf(2.2, 150)
    values = values[values < 500]
    fit = best_fit(values)
    tail = np.sort(values[values >= fit.x_min])
    x = np.arange(fit.x_min, tail.max() + 1)
    law = np.cumsum(x**-fit.gamma) / (zeta(fit.gamma) - sum(k**-fit.gamma for k in range(1, fit.x_min)))
    assert fit.distance == pytest.approx(np.abs(law - np.searchsorted(tail, x, side="right") / len(tail)).max())


def test_against_zipf_and_igraph():
    fit = analysis.fit_power_law(np.random.default_rng(0).zipf(2.5, 20_000))
    assert (fit.gamma, fit.x_min) == (2.5, 1)
    degrees = np.array(nx.barabasi_albert_graph(1500, 3, seed=1).degree)[:, 1]
    mine, its = analysis.fit_power_law(degrees), igraph.power_law_fit(degrees.tolist(), p_precision=0.49)
    assert mine.gamma == pytest.approx(its.alpha, abs=0.2)
    assert analysis.fit_power_law([3, 3, 3]) is None
    assert analysis.fit_power_law([0, 0]) is None
    assert analysis.fit_power_law([]) is None
    short = np.random.default_rng(1).zipf(2.5, 60)
    raw = best_fit(short)
    assert analysis.fit_power_law(short).gamma == raw.gamma * (raw.n_tail - 1) / raw.n_tail + 1 / raw.n_tail


@pytest.mark.parametrize(
    "values", [np.random.default_rng(0).zipf(2.5, 400), np.random.default_rng(1).poisson(9, 300) + 1]
)
def test_the_bootstrap_equals_plain_fits_of_the_same_draws(values):
    fit = best_fit(values)
    law = _semi_parametric(values, fit)
    seeds = np.arange(60, dtype=np.uint64) * np.uint64(12345)
    plain = 0
    for seed in seeds:
        drawn, counts = kernels.draw_histogram(len(values), seed, *law, fit.gamma)
        assert counts.sum() == len(values)
        assert (np.diff(drawn) > 0).all()
        plain += plain_fit(np.repeat(drawn, counts)).distance >= fit.distance
    table = kernels.zeta_table()
    mine = kernels.count_worse(len(values), seeds, *law, fit.gamma, fit.distance, GAMMAS, table)
    assert mine == plain


def test_draws_follow_the_semi_parametric_law():
    values = np.concatenate([np.repeat([1, 2, 3], [50, 10, 40]), np.random.default_rng(0).zipf(1.8, 400) + 3])
    fit = analysis.PowerLawFit(1.8, 4, 0.0, 400)
    n = 100_000
    drawn, counts = kernels.draw_histogram(n, np.uint64(7), *_semi_parametric(values, fit), fit.gamma)
    share = dict(zip(drawn.tolist(), (counts / n).tolist(), strict=True))
    assert [share[k] for k in (1, 2, 3)] == pytest.approx([0.1, 0.02, 0.08], abs=0.004)
    law = 0.8 * zeta(1.8, [4.0, 5.0, 10.0, 1000.0, 1e4]) / zeta(1.8, 4)
    found = [counts[drawn >= edge].sum() / n for edge in (4, 5, 10, 1000, 10_000)]
    assert found == pytest.approx(law, abs=0.005)
    assert drawn.max() > kernels.TABLE + 4


def test_p_tells_a_power_law_from_another():
    rng = np.random.default_rng(0)
    assert analysis.power_law_p(with_degrees(rng.zipf(2.5, 800)), n_bootstraps=100) > 0.1
    assert analysis.power_law_p(with_degrees(rng.geometric(0.02, 3000)), n_bootstraps=100) < 0.1
    spread = [analysis.power_law_p(with_degrees(rng.zipf(2.5, 300)), n_bootstraps=60) for _ in range(30)]
    assert 0.3 < np.mean(spread) < 0.8


def test_p_is_the_same_whatever_the_threads():
    import numba

    network = with_degrees(np.random.default_rng(0).zipf(2.2, 500))
    expected = analysis.power_law_p(network, n_bootstraps=50, seed=3)
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        assert analysis.power_law_p(network, n_bootstraps=50, seed=3) == expected
    finally:
        numba.set_num_threads(before)


@pytest.mark.parametrize("alternative", ["lognormal", "exponential"])
def test_likelihood_ratios_equal_powerlaw(alternative):
    import powerlaw

    rng = np.random.default_rng(2)
    for values in (rng.zipf(2.6, 600), np.round(rng.lognormal(2.5, 0.7, 600)).astype(int) + 1):
        fit = best_fit(values)
        mine = analysis.compare_power_law(values, alternative)
        tail = values[values >= fit.x_min]
        its = {"lognormal": powerlaw.Lognormal, "exponential": powerlaw.Exponential}[alternative](
            xmin=fit.x_min, data=tail, discrete=True, verbose=0
        )
        law = -fit.gamma * np.log(tail) - np.log(zeta(fit.gamma, fit.x_min))
        ratio, p = powerlaw.statistics.loglikelihood_ratio(
            law, np.log(its.pdf(tail)).astype(float), normalized_ratio=True
        )
        assert mine.ratio == pytest.approx(ratio, rel=0.02, abs=0.02)
        assert mine.p == pytest.approx(p, rel=0.05, abs=0.02)


def test_the_exponential_of_highest_likelihood():
    from netsparse.analysis.powerlaw_alternatives import _exponential

    x, counts = np.array([3.0, 4.0, 9.0]), np.array([5, 2, 1])
    rates = np.linspace(0.01, 3, 3000)
    plain = max(counts @ (np.log(1 - np.exp(-rate)) - rate * (x - 3)) for rate in rates)
    assert counts @ _exponential(x, counts) == pytest.approx(plain, abs=1e-5)
    assert np.exp(_exponential(np.arange(3.0, 5000), np.ones(4997))).sum() == pytest.approx(1, abs=0.2)


def test_alternatives_that_cannot_be():
    with pytest.raises(NetsparseError, match="lognormal, exponential"):
        analysis.compare_power_law([1, 2, 3], "poisson")
    assert analysis.compare_power_law([2, 2], "exponential") is None
    for degrees in ([1, 1, 2], [1, 2], [3, 3, 3, 4, 900]):
        for alternative in ("lognormal", "exponential"):
            found = analysis.compare_power_law(degrees, alternative)
            assert found is None or np.isfinite([found.ratio, found.p]).all()
    assert "two different" in analysis.power_law_lognormal_ratio(LayerGraph.from_mask(np.eye(3))).reason


def test_bad_requests():
    with pytest.raises(NetsparseError, match="whole numbers"):
        analysis.fit_power_law([1.5, 2.0, 3.0])
    assert analysis.fit_power_law([1.0, 2.0, 2.0]) is not None
    with pytest.raises(NetsparseError, match="at least 1"):
        analysis.power_law_p(nx.star_graph(4), n_bootstraps=0)
