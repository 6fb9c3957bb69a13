"""A small LLaMA-like language model whose attention and feed-forward matrices are sparse.

python examples/transformer.py --steps 300 --sparsity 0.9 --method cht

It learns to write this project's README, byte by byte. Percolation follows the chains that the scheduler traces: the
gate and up matrices into the down matrix, and, where it can see them, no others.
"""

import argparse
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

import netsparse as ns


class Attention(nn.Module):
    """Causal attention of several heads."""

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.query, self.key, self.value, self.output = (nn.Linear(width, width, bias=False) for _ in range(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return what each position takes from those before it."""
        q, k, v = (
            part(x).unflatten(-1, (self.n_heads, -1)).transpose(1, 2) for part in (self.query, self.key, self.value)
        )
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.output(mixed.transpose(1, 2).flatten(-2))


class FeedForward(nn.Module):
    """A gated feed-forward network."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.gate, self.up = nn.Linear(width, hidden, bias=False), nn.Linear(width, hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return down(silu(gate(x)) · up(x))."""
        return self.down(functional.silu(self.gate(x)) * self.up(x))


class Block(nn.Module):
    """Attention and feed-forward network, each added to what comes in."""

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.RMSNorm(width), nn.RMSNorm(width)
        self.attention, self.mlp = Attention(width, n_heads), FeedForward(width, 3 * width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return x with what both add to it."""
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class LanguageModel(nn.Module):
    """Bytes in, scores of the next byte out."""

    def __init__(self, width: int = 96, n_blocks: int = 2, n_heads: int = 4, context: int = 64) -> None:
        super().__init__()
        self.context = context
        self.embedding, self.position = nn.Embedding(256, width), nn.Embedding(context, width)
        self.blocks = nn.Sequential(*(Block(width, n_heads) for _ in range(n_blocks)))
        self.norm, self.head = nn.RMSNorm(width), nn.Linear(width, 256, bias=False)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return scores of shape (batch, length, 256)."""
        x = self.embedding(tokens) + self.position.weight[: tokens.shape[1]]
        return self.head(self.norm(self.blocks(x)))


def train(
    steps: int = 300, sparsity: float = 0.9, method: str = "cht", update_interval: int = 20, seed: int = 0
) -> tuple[list[float], ns.training.TopologyScheduler]:
    """Train; return the losses and the scheduler."""
    torch.manual_seed(seed)
    text = (Path(__file__).parent.parent / "README.md").read_bytes()
    data = torch.tensor(list(text), dtype=torch.long)
    model = LanguageModel()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
    topology = ns.training.TopologyScheduler(
        model,
        optimizer,
        method,
        sparsity,
        layers=["blocks.*.attention.*", "blocks.*.mlp.*"],
        topology="erdos_renyi",  # no input correlations inside a network
        update_interval=update_interval,
        total_steps=steps,
        seed=seed,
    )
    losses = []
    for step in range(steps):
        starts = torch.randint(len(data) - model.context - 1, (16,))
        batch = torch.stack([data[i : i + model.context + 1] for i in starts])
        optimizer.zero_grad()
        scores = model(batch[:, :-1])
        loss = functional.cross_entropy(scores.flatten(0, 1), batch[:, 1:].flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        topology.step()
        losses.append(float(loss.detach()))
        if topology.last_update or step == steps - 1:
            network = topology.snapshot()
            print(f"step {step + 1}: loss {losses[-1]:.3f}, {network.n_links} links of {len(topology.layers)} matrices")
    return losses, topology


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--sparsity", type=float, default=0.9)
    parser.add_argument("--method", default="cht")
    parser.add_argument("--update-interval", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    train(**vars(parser.parse_args()))
