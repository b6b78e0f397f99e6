"""The peer of benchmarks/first_order_gan.py: the same steps in PyTorch."""

from collections.abc import Callable
from typing import Any

import ml_collections
import numpy as np
import torch

from benchmarks.ttur_torch import down
from projects.first_order_gan import data


def step(config: ml_collections.ConfigDict) -> Callable[[int], None]:
  """Returns the peer's `advance(steps)`."""
  characters = len(data.text_of(config).characters)
  ids = torch.tensor(np.asarray(data.split(config, "train"), np.int64))
  G = _generator(config, characters)
  D = _critic(config, characters)
  adams = [
    torch.optim.Adam(net.parameters(), lr, (config.adam_b1, config.adam_b2))
    for net, lr in (
      (G, config.generator_learning_rate),
      (D, config.critic_learning_rate),
    )
  ]

  def pair():
    """Real samples and x', both `[batch, characters, length]`."""
    rows = ids[torch.randint(len(ids), (config.batch_size,))]
    x = torch.nn.functional.one_hot(rows, characters).float().transpose(1, 2)
    made = G(torch.randn(config.batch_size, config.latent_dim))
    share = config.interpolation * torch.rand(config.batch_size, 1, 1)
    return x, made + share * (x - made)

  def one():
    _, x_prime = pair()
    down(adams[0], G, -D(x_prime).mean())
    with torch.no_grad():
      x, x_prime = pair()
    x_prime.requires_grad_()
    f_x, f_x_prime = D(x), D(x_prime)
    (slope,) = torch.autograd.grad(f_x_prime.sum(), x_prime, create_graph=True)
    slope = slope.flatten(1).norm(dim=1)
    flat_x, flat_x_prime = x.flatten(1), x_prime.detach().flatten(1)
    target = target_slope(
      f_x.detach(), f_x_prime.detach(), flat_x, flat_x_prime
    )
    length = (flat_x - flat_x_prime).norm(dim=1)
    tau = f_x.mean() - f_x_prime.mean()
    tau = tau - config.lipschitz_weight * (
      ((f_x - f_x_prime) ** 2 / length).mean()
    )
    tau = tau - config.slope_weight * ((slope - target) ** 2).mean()
    down(adams[1], D, -tau)

  def advance(steps):
    for _ in range(steps):
      one()

  return advance


def target_slope(f_x: Any, f_x_prime: Any, x: Any, x_prime: Any) -> Any:
  """`losses.target_slope` on tensors, by the same route."""
  with torch.no_grad():
    length = torch.cdist(x, x_prime) + 1e-6
    pull = (f_x[:, None] - f_x_prime[None]) / length**3
    towards = pull.T @ x - pull.sum(0)[:, None] * x_prime
    return towards.norm(dim=1) / (1 / length).sum(0)


class _Block(torch.nn.Module):
  def __init__(self, width, norm):
    super().__init__()
    conv = lambda: torch.nn.Conv1d(width, width, 5, padding=2)
    self.one, self.two = conv(), conv()
    self.norm_one, self.norm_two = norm(), norm()

  def forward(self, a):
    inside = self.norm_one(self.one(torch.relu(a)))
    return a + 0.3 * self.norm_two(self.two(torch.relu(inside)))


class _PositionNorm(torch.nn.Module):
  """Batch norm of each place in the line, over all channels."""

  def __init__(self, config):
    super().__init__()
    self.norm = torch.nn.BatchNorm1d(
      config.length, config.norm_epsilon, 1 - config.norm_momentum
    )

  def forward(self, a):
    return self.norm(a.transpose(1, 2)).transpose(1, 2)


def _generator(config, characters):
  nn, width = torch.nn, config.generator_features
  units = width * config.length
  flat = lambda n: nn.BatchNorm1d(
    n, config.norm_epsilon, 1 - config.norm_momentum
  )
  blocks = [
    _Block(width, lambda: _PositionNorm(config)) for _ in range(config.blocks)
  ]
  net = nn.Sequential(
    flat(config.latent_dim),
    nn.Linear(config.latent_dim, units),
    flat(units),
    nn.Unflatten(1, (width, config.length)),
    *blocks,
    nn.Conv1d(width, characters, 1),
    nn.Softmax(1),
  )
  for module in net.modules():  # Norms have an offset only.
    if isinstance(module, nn.BatchNorm1d):
      module.weight = None
  return net


def _critic(config, characters):
  nn, width = torch.nn, config.critic_features
  return nn.Sequential(
    nn.Conv1d(characters, width, 1),
    *(_Block(width, nn.Identity) for _ in range(config.blocks)),
    nn.Flatten(),
    nn.Linear(width * config.length, 1),
    nn.Flatten(0),
  )
