"""The peers of benchmarks/cnn_zoo.py: the zoo's CNN in plain PyTorch.

Eager; SGD without momentum, L2 on the kernels, dropout after each activation.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import ml_collections
import numpy as np
import torch

RATE, L2, LEARNING_RATE = 0.3, 1e-5, 1e-2


def network(config: ml_collections.ConfigDict) -> Any:
  """The CNN of the config's widths."""
  nn: Any = torch.nn
  layers, channels = [], 1
  for width in tuple(config.widths):
    layers += [nn.Conv2d(channels, width, 3, stride=2), nn.ReLU()]
    layers.append(nn.Dropout(RATE))
    channels = width
  pool = [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
  return nn.Sequential(*layers, *pool, nn.Linear(channels, config.classes))


def parameters(config: ml_collections.ConfigDict) -> int:
  """How many numbers a network has."""
  return sum(p.numel() for p in network(config).parameters())


def one_by_one(
  config: ml_collections.ConfigDict, pixels: np.ndarray, labels: np.ndarray
) -> Callable[[int], None]:
  """`advance(steps)` of one network, channels last."""
  net = network(config).to(memory_format=torch.channels_last)
  x = torch.tensor(pixels).to(memory_format=torch.channels_last)
  y = torch.tensor(labels).long()
  kernels = [p for p in net.parameters() if p.ndim > 1]
  sgd = torch.optim.SGD(
    [
      {"params": kernels, "weight_decay": 2 * L2},
      {"params": [p for p in net.parameters() if p.ndim == 1]},
    ],
    lr=LEARNING_RATE,
  )

  def advance(steps):
    for step in range(steps):
      rows = _rows(step, config.batch_size, len(x))
      sgd.zero_grad()
      torch.nn.functional.cross_entropy(net(x[rows]), y[rows]).backward()
      sgd.step()

  return advance


def vmapped(
  config: ml_collections.ConfigDict,
  pixels: np.ndarray,
  labels: np.ndarray,
  members: int,
) -> Callable[[int], None]:
  """`advance(steps)` of a population by `torch.func.vmap`."""
  networks = [network(config) for _ in range(members)]
  rows = functools.partial(_rows, size=config.batch_size, n=len(pixels))
  return population(networks, pixels, labels, rows, L2)


def population(
  networks: Sequence[Any],
  x: np.ndarray,
  y: np.ndarray,
  rows: Callable[[int], slice],
  l2: float,
) -> Callable[[int], None]:
  """`advance(steps)` of networks of one shape by `torch.func.vmap`.

  Args:
    networks: one for each member.
    x: `[n, ...]`.
    y: classes `[n]`.
    rows: of x and y that a step takes.
    l2: times the squares of all weights, in the loss.
  """
  params, _ = torch.func.stack_module_state(networks)
  params = {name: p.detach() for name, p in params.items()}
  rates = torch.logspace(-3, -1, len(networks))
  inputs, targets = torch.tensor(x), torch.tensor(y).long()

  def loss(params, x, y):
    logits = torch.func.functional_call(networks[0], params, (x,))
    error = torch.nn.functional.cross_entropy(logits, y)
    if not l2:
      return error
    return error + l2 * sum((p**2).sum() for p in params.values() if p.ndim > 1)

  # "same": one mask for all, as ours.
  gradients = torch.func.vmap(
    torch.func.grad(loss), in_dims=(0, None, None), randomness="same"
  )

  def advance(steps):
    nonlocal params
    for step in range(steps):
      here = rows(step)
      slope = gradients(params, inputs[here], targets[here])
      params = {
        name: p - rates.view(-1, *[1] * (p.ndim - 1)) * slope[name]
        for name, p in params.items()
      }

  return advance


def _rows(step, size, n):
  start = step * size % (n - size + 1)
  return slice(start, start + size)
