"""The peer of benchmarks/slot_attention.py: the same steps in plain PyTorch.

Eager, object discovery only; see the docstring there.
"""

from collections.abc import Callable
from typing import Any

import ml_collections
import numpy as np
import torch
from torch import nn

from common.nn import slot_attention


def step(
  config: ml_collections.ConfigDict,
) -> tuple[Callable[[int], None], int]:
  """Returns the peer's `advance(steps)` and its number of parameters."""
  if config.task != "discovery" or config.grouping != "slot_attention":
    raise ValueError("the peer discovers objects by Slot Attention only")
  if set(config.decoder_strides) != {1}:
    raise ValueError("the peer's decoder has strides of 1 only")
  net = AutoEncoder(config)
  parameters = list(net.parameters())
  adam = torch.optim.Adam(parameters, lr=config.learning_rate)
  size, t = config.image_size, 0
  # One batch for all steps: the peer's data cost nothing.
  images = torch.rand(config.batch_size, 3, size, size) * 2 - 1

  def advance(steps):
    nonlocal t
    for _ in range(steps):
      loss = ((net(images) - images) ** 2).mean()
      adam.zero_grad()
      loss.backward()
      rise = min(1.0, t / config.warmup_steps)
      for group in adam.param_groups:
        group["lr"] = (
          config.learning_rate
          * rise
          * config.decay_rate ** (t / config.decay_steps)
        )
      adam.step()
      t += 1

  return advance, sum(p.numel() for p in parameters)


class Position(nn.Module):
  """The soft position embedding, `[n, c, h, w]`."""

  def __init__(self, channels: int, height: int, width: int):
    super().__init__()
    grid = np.array(slot_attention.position_grid(height, width))
    self.register_buffer("grid", torch.tensor(grid))
    self.dense = nn.Linear(4, channels)

  def forward(self, a: Any) -> Any:
    return a + self.dense(self.grid).permute(2, 0, 1)


class Slots(nn.Module):
  """Slot Attention; `[n, places, channels] -> [n, k, d]`."""

  def __init__(self, config: ml_collections.ConfigDict, channels: int):
    super().__init__()
    d, norm = config.slot_dim, config.norm_epsilon
    self.slots, self.iterations = config.slots, config.iterations
    self.epsilon = config.attention_epsilon
    self.mu = nn.Parameter(torch.randn(1, 1, d) * 0.1)
    self.log_sigma = nn.Parameter(torch.randn(1, 1, d) * 0.1)
    self.norm_inputs = nn.LayerNorm(channels, eps=norm)
    self.key = nn.Linear(channels, d, bias=False)
    self.value = nn.Linear(channels, d, bias=False)
    self.query = nn.Linear(d, d, bias=False)
    self.norm_slots = nn.LayerNorm(d, eps=norm)
    self.gru = nn.GRUCell(d, d)
    self.mlp = nn.Sequential(
      nn.LayerNorm(d, eps=norm),
      nn.Linear(d, config.mlp_hidden),
      nn.ReLU(),
      nn.Linear(config.mlp_hidden, d),
    )

  def forward(self, a: Any) -> Any:
    n, d = len(a), self.mu.shape[-1]
    a = self.norm_inputs(a)
    keys, values = self.key(a) * d**-0.5, self.value(a)
    noise = torch.randn(n, self.slots, d)
    slots = self.mu + torch.exp(self.log_sigma) * noise
    for _ in range(self.iterations):
      q = self.query(self.norm_slots(slots))
      attention = torch.softmax(keys @ q.transpose(1, 2), dim=-1)
      weights = attention + self.epsilon
      weights = weights / weights.sum(dim=1, keepdim=True)
      updates = weights.transpose(1, 2) @ values
      slots = self.gru(updates.reshape(-1, d), slots.reshape(-1, d))
      slots = slots.reshape(n, -1, d)
      slots = slots + self.mlp(slots)
    return slots


class AutoEncoder(nn.Module):
  """The network that model.AutoEncoder is; images `[n, 3, h, w]`."""

  def __init__(self, config: ml_collections.ConfigDict):
    super().__init__()
    size, norm = config.image_size, config.norm_epsilon
    self.grid = config.decoder_grid

    def convolutions(c, features, kernels, last):
      layers = []
      for f, k in zip(features, kernels, strict=True):
        layers += [nn.Conv2d(c, f, k, padding=k // 2), nn.ReLU()]
        c = f
      return nn.Sequential(*(layers if last else layers[:-1]))

    features: Any = config.encoder_features
    c = features[-1]
    self.encoder = convolutions(3, features, config.encoder_kernels, last=True)
    self.position = Position(c, size, size)
    self.mlp = nn.Sequential(
      nn.LayerNorm(c, eps=norm), nn.Linear(c, c), nn.ReLU(), nn.Linear(c, c)
    )
    self.slots = Slots(config, c)
    self.broadcast = Position(config.slot_dim, self.grid, self.grid)
    self.decoder = convolutions(
      config.slot_dim,
      config.decoder_features,
      config.decoder_kernels,
      last=False,
    )

  def forward(self, images: Any) -> Any:
    a = self.position(self.encoder(images))
    slots = self.slots(self.mlp(a.flatten(2).transpose(1, 2)))
    n, k, d = slots.shape
    a = slots.reshape(n * k, d, 1, 1).expand(-1, -1, self.grid, self.grid)
    a = self.decoder(self.broadcast(a)).unflatten(0, (n, k))
    pictures, logits = a[:, :, :-1], a[:, :, -1:]
    return (torch.softmax(logits, dim=1) * pictures).sum(dim=1)
