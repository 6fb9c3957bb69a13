import pytest

from netsparse import NetsparseError
from netsparse.training import TrainConfig


def test_defaults_depend_on_data_set_and_method():
    digits, fashion = TrainConfig.resolve(), TrainConfig.resolve({"dataset": "fashion-mnist"})
    assert (digits.dataset, digits.method, digits.early_stop) == ("digits", "cht", 0.99)
    assert (fashion.sparsity, fashion.scale, fashion.epochs, fashion.batch_size) == (0.99, 1.0, 100, 32)
    assert (fashion.lr, fashion.momentum, fashion.weight_decay, fashion.zeta) == (0.025, 0.9, 5e-4, 0.3)
    assert TrainConfig.resolve({"method": "esml"}).early_stop is False
    assert TrainConfig.resolve({"method": "dense"}).sparsity == 0.0


def test_resolved_options_resolve_to_themselves(tmp_path):
    import tomli_w

    config = TrainConfig.resolve({"epochs": 3, "lr": 1, "early_stop": False})
    path = tmp_path / "c.toml"
    path.write_text(tomli_w.dumps(config.as_dict()))
    assert TrainConfig.resolve(TrainConfig.read(path)) == config
    assert isinstance(config.lr, float)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epoch": 3}, "unknown option 'epoch'"),
        ({"dataset": "minst"}, "unknown dataset"),
        ({"dataset": 3}, "dataset must be text"),
        ({"method": "magic"}, "unknown method"),
        ({"sparsity": 1.0}, "sparsity must be"),
        ({"sparsity": "much"}, "sparsity must be a number"),
        ({"sparsity": True}, "sparsity must be a number"),
        ({"scale": 0}, "scale must be"),
        ({"epochs": 0}, "epochs must be"),
        ({"epochs": 2.5}, "epochs must be a whole number"),
        ({"batch_size": 0}, "batch_size must be"),
        ({"lr": -1}, "lr must be"),
        ({"lr": float("nan")}, "lr must be"),
        ({"momentum": 1.0}, "momentum must be"),
        ({"weight_decay": -1}, "weight_decay must be"),
        ({"zeta": 2}, "zeta must be"),
        ({"update_interval": 0}, "update_interval must be"),
        ({"early_stop": 0}, "early_stop must be"),
        ({"early_stop": True}, "early_stop must be"),
        ({"seed": -1}, "seed must be"),
        ({"device": "tpu"}, "device must be"),
        ({"snapshot_every": 0}, "snapshot_every must be"),
        ({"method": "dense", "sparsity": 0.5}, "'dense' has sparsity 0"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(NetsparseError, match=message):
        TrainConfig.resolve(options)


def test_bad_files(tmp_path):
    with pytest.raises(NetsparseError, match="cannot be read"):
        TrainConfig.read(tmp_path / "no.toml")
    (tmp_path / "bad.toml").write_text("a = [")
    with pytest.raises(NetsparseError, match="not valid TOML"):
        TrainConfig.read(tmp_path / "bad.toml")


def test_the_models_are_those_there_are():
    """The configuration knows their names without importing torch."""
    from netsparse.training.config import MODELS
    from netsparse.training.models import TRUNKS

    assert ("mlp", *TRUNKS) == MODELS


def test_options_are_a_mapping():
    with pytest.raises(NetsparseError, match="options are a mapping of names to values, not a str"):
        TrainConfig.resolve("digits")
