"""A small transformer, trained with PyTorch on a CPU, before and after one import is changed.

It learns to sort digits: from the digits and what has been written so far, the next digit. Both runs start from the
same weights and see the same batches. ``python examples/torch_transformer.py --help`` has the sizes.
"""

from __future__ import annotations

import argparse
import time
from statistics import median

import torch
from torch import nn

from fastdl.interop import torch as fastdl_optim

DIGITS = 10


class Sorter(nn.Module):
    """Reads ``length`` digits and what has been sorted of them, and predicts the next one at each place."""

    def __init__(self, length: int, width: int, layers: int) -> None:
        super().__init__()
        self.tokens = nn.Embedding(DIGITS + 1, width)
        self.places = nn.Parameter(0.02 * torch.randn(2 * length, width))
        layer = nn.TransformerEncoderLayer(width, nhead=4, dim_feedforward=4 * width, dropout=0.0, batch_first=True)
        self.body = nn.TransformerEncoder(layer, layers)
        self.head = nn.Linear(width, DIGITS)
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(2 * length))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return logits of shape (batch, 2 length, digits)."""
        return self.head(self.body(self.tokens(tokens) + self.places, mask=self.mask))


def batch(length: int, rows: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Return digits, a mark and the sorted digits but the last; and the sorted digits."""
    digits = torch.randint(DIGITS, (rows, length), generator=generator)
    ordered = digits.sort(dim=1).values
    mark = torch.full((rows, 1), DIGITS)
    return torch.cat([digits, mark, ordered[:, :-1]], dim=1), ordered


def train(optimizer_class: type[torch.optim.Optimizer], options: argparse.Namespace) -> tuple[float, float, float]:
    """Return the last loss, the median seconds of ``step()``, and all seconds."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    model = Sorter(options.length, options.width, options.layers)
    optimizer = optimizer_class(model.parameters(), lr=options.lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=options.steps)
    times, start = [], time.perf_counter()
    for _ in range(options.steps):
        tokens, ordered = batch(options.length, options.rows, generator)
        logits = model(tokens)[:, options.length :]
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), ordered.flatten())
        optimizer.zero_grad()
        loss.backward()
        before = time.perf_counter()
        optimizer.step()
        times.append(time.perf_counter() - before)
        schedule.step()
    return loss.item(), median(times), time.perf_counter() - start


def main() -> None:
    """Train both ways and print what each took."""
    parser = argparse.ArgumentParser(description="Train a small transformer with torch's AdamW and with fastdl's.")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--length", type=int, default=8, help="digits to sort")
    parser.add_argument("--rows", type=int, default=16, help="of a batch")
    parser.add_argument("--lr", type=float, default=3e-4)
    options = parser.parse_args()
    count = sum(p.numel() for p in Sorter(options.length, options.width, options.layers).parameters())
    print(f"{count:,} parameters, {options.steps} steps of AdamW")
    seconds = {}
    for name, optimizer_class in (
        ("torch.optim", torch.optim.AdamW),
        ("fastdl.interop.torch", fastdl_optim.AdamW),
    ):
        loss, step, whole = train(optimizer_class, options)
        seconds[name] = step
        print(f"{name:21} loss {loss:.4f}, step() {step * 1e3:6.2f} ms, everything {whole:.1f} s")
    print(f"step() takes {seconds['fastdl.interop.torch'] / seconds['torch.optim']:.2f} of the time")


if __name__ == "__main__":
    main()
