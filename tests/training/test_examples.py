"""The examples: every configuration on a tiny trunk and tiny images, every script for some steps."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from netsparse import Run
from netsparse.training import TrainConfig, load_dataset, resolve_method, sources, train

EXAMPLES = Path(__file__).parents[2] / "examples"
CONFIGS = sorted((EXAMPLES / "configs").glob("*.toml"))


def load(name: str):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def tiny_data(tmp_path, write_cifar, write_images):
    for source in (sources.CIFAR10, sources.CIFAR100):
        write_cifar(tmp_path / source.name, source, 24)
    write_images(tmp_path)
    return tmp_path


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_configuration_is_right_and_trains(path, tiny_data, tmp_path):
    """With the paper's numbers of layers and sparsity, but on a small trunk, for two epochs."""
    told = TrainConfig.read(path)
    config = TrainConfig.resolve(told)
    assert config.sparsity == 0.99
    assert config.zeta == 0.3
    tiny = {"epochs": 2, "batch_size": 8, "image_size": 16, "data_dir": str(tiny_data)}
    if config.model == "mlp":
        tiny |= {"dataset": "digits"}
    else:
        tiny |= {"model": "small-cnn"}
        assert config.resolved_method.topology == "erdos_renyi"
        assert config.model in path.stem
    run = Run.create(tmp_path / "run")
    small = TrainConfig.resolve({**told, **tiny})
    train(small, run, data=load_dataset(small.dataset, small.data_dir, 16))
    assert np.isfinite(run.metrics.query("metric == 'train_loss'")["value"]).all()
    last = run.snapshot(2)
    assert [layer.name.removeprefix("head.") for layer in last] == ["sandwich1", "sandwich2", "sandwich3"]
    for layer in last:
        assert layer.n_links == round(0.01 * layer.n_source * layer.n_target)


@pytest.mark.parametrize("path", sorted((EXAMPLES / "methods").glob("*.toml")), ids=lambda path: path.stem)
def test_every_method_file_trains(path, tmp_path):
    assert resolve_method(path).evolves
    run = Run.create(tmp_path / "run")
    train(TrainConfig.resolve({"method": str(path), "epochs": 3, "scale": 1.0}), run)
    assert run.epochs == [0, 1, 2, 3]


def test_the_script_with_a_trunk_of_ones_own(capsys):
    accuracy, network = load("any_trunk").train(3)
    assert accuracy > 0.3
    assert [layer.name for layer in network] == ["trunk.3", "head.sandwich1", "head.sandwich2"]
    assert network.layers[0].density == pytest.approx(0.5, abs=1e-3)
    assert "links regrown" in capsys.readouterr().out


@pytest.mark.parametrize("method", ["esml", "rigl", "chts"])
def test_the_transformer_trains_sparsely(method, capsys):
    losses, topology = load("transformer").train(30, 0.9, method, update_interval=5)
    assert losses[-1] < losses[0] - 0.5
    assert len(topology.layers) == 14
    network = topology.snapshot()
    assert network.n_links == pytest.approx(0.1 * sum(x.n_source * x.n_target for x in network), abs=14)
    by_name = {layer.name: layer for layer in network}
    mlp, attention = "blocks.0.mlp", "blocks.0.attention"
    assert by_name[f"{mlp}.gate"].target == by_name[f"{mlp}.up"].target == by_name[f"{mlp}.down"].source
    assert by_name[f"{attention}.query"].source == by_name[f"{attention}.value"].source
    assert by_name[f"{attention}.value"].target != by_name[f"{attention}.output"].source  # across heads: not traced
    off = [x.weight[x.module.weight_mask == 0] for x in topology.layers]
    assert not any(torch.count_nonzero(weights) for weights in off)


@pytest.mark.parametrize("name", ["any_trunk", "transformer"])
def test_the_scripts_tell_how_they_are_used(name):
    done = subprocess.run(
        [sys.executable, EXAMPLES / f"{name}.py", "--help"], capture_output=True, text=True, check=True
    )
    assert "--seed" in done.stdout
