"""Sandwich layers behind a trunk of your own, in a training loop of your own.

python examples/any_trunk.py --epochs 5

The trunk may be any module that gives features of shape (batch, n_features). Here it is a small convolutional network
on scikit-learn's digits, whose 3 × 3 convolutions are made sparse as well.
"""

import argparse

import torch
from torch import nn

import netsparse as ns


def make_trunk() -> nn.Module:
    """Return a trunk of 128 features."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.Conv2d(32, 32, 3, padding=1),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
    )


def train(epochs: int = 5, seed: int = 0) -> tuple[float, ns.Snapshot]:
    """Train; return the test accuracy and the topology at the end."""
    torch.manual_seed(seed)
    data = ns.training.load_dataset("digits")
    x, y, test_x, test_y = (torch.from_numpy(array) for array in (data.train.x, data.train.y, data.test.x, data.test.y))
    model = ns.training.SandwichNetwork(
        make_trunk(), 128, data.n_classes, scale=2.0, n_sandwich=2, sparsity=0.95, image_shape=data.image_shape
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
    topology = ns.training.TopologyScheduler(
        model,
        optimizer,
        "esml",
        {"trunk.3": 0.5, "head.*": 0.95},  # the second convolution at 50 %, the sandwich layers at 95 %
        layers=["trunk.3", "head.sandwich*"],
        seed=seed,
        total_steps=epochs,
    )
    for epoch in range(epochs):
        model.train()
        for batch in torch.randperm(len(y)).split(32):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
            optimizer.step()
        topology.step()
        model.eval()
        with torch.no_grad():
            accuracy = float((model(test_x).argmax(1) == test_y).float().mean())
        moved = sum(update.links_regrown for update in topology.last_update.values())
        print(f"epoch {epoch + 1}: test accuracy {100 * accuracy:.1f} %, {moved} links regrown")
    return accuracy, topology.snapshot(epochs)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    print(train(**vars(parser.parse_args()))[1])
