"""The peer of benchmarks/coulomb_gan.py: the same steps in plain PyTorch.

Eager, and written to PyTorch's advantage; see the docstring there.
"""

import math
from collections.abc import Callable
from typing import Any

import ml_collections
import numpy as np
import torch

from benchmarks.ttur_torch import discs
from common.gan import gaussian_grid
from projects.coulomb_gan import model


def potentials(
  x: Any,
  y: Any,
  exponent: float,
  epsilon: float,
  self_interaction: str,
  a_x: Any,
  a_y: Any,
) -> tuple[Any, Any]:
  """`losses.batch_potentials` on tensors, by the same route."""

  def squared_distances(a, b):
    if a.shape[1] <= 16:
      return ((a[:, None] - b[None]) ** 2).sum(-1)
    centre = b.mean(0)
    a, b = a - centre, b - centre
    norms = (a**2).sum(1)[:, None] + (b**2).sum(1)[None]
    return torch.addmm(norms, a, b.T, alpha=-2).clamp_(min=0)

  def mean_kernel(a, b, own):
    r2 = squared_distances(a, b)
    if own:
      r2.diagonal().copy_(((a - b) ** 2).sum(1))
    k = (r2 + epsilon**2).rsqrt_().pow_(exponent)
    if own and self_interaction == "drop":
      return k.fill_diagonal_(0).sum(1) / (len(b) - 1)
    return k.mean(1)

  with torch.no_grad():
    return (
      mean_kernel(a_x, y, False) - mean_kernel(a_x, x, True),
      mean_kernel(a_y, y, True) - mean_kernel(a_y, x, False),
    )


def step(
  config: ml_collections.ConfigDict,
) -> tuple[Callable[[int], None], int]:
  """Returns the peer's `advance(steps)` and its number of parameters."""
  if config.method != "coulomb" or config.update_order != "simultaneous":
    raise ValueError("the peer is a simultaneous Coulomb GAN only")
  G, D = _networks(config)
  real = _data(config)
  players = (
    (list(G.parameters()), config.generator_learning_rate),
    (list(D.parameters()), config.discriminator_learning_rate),
  )
  penalties = (2 * config.l2_penalty, config.l2_penalty)
  adams = [
    _adam(p, rate, penalty, config)
    for (p, rate), penalty in zip(players, penalties, strict=True)
  ]
  std, t = config.smoothing_std, 0

  def step():
    y = real(config.batch_size)
    x = G(torch.randn(config.batch_size, config.latent_dim))
    d_x = D(x)[:, 0]
    a_x, a_y, at_x = x.detach(), y, d_x
    if std:
      a_x = a_x + std * torch.randn_like(a_x)
      a_y = y + std * torch.randn_like(y)
      at_x = D(a_x)[:, 0]
    phi_x, phi_y = potentials(
      x.detach().flatten(1),
      y.flatten(1),
      config.kernel_exponent,
      config.kernel_epsilon,
      config.self_interaction,
      a_x.flatten(1),
      a_y.flatten(1),
    )
    phi_x, phi_y = (
      config.potential_scale * phi_x,
      config.potential_scale * phi_y,
    )
    d_loss = 0.25 * ((at_x - phi_x) ** 2).mean()
    d_loss = d_loss + 0.25 * ((D(a_y)[:, 0] - phi_y) ** 2).mean()
    g_loss = -0.5 * d_x.mean()
    grads = (
      torch.autograd.grad(g_loss, players[0][0], retain_graph=True),
      torch.autograd.grad(d_loss, players[1][0]),
    )
    for adam, (parameters, rate), gs in zip(adams, players, grads, strict=True):
      for p, g in zip(parameters, gs, strict=True):
        p.grad = g
      for group in adam.param_groups:
        group["lr"] = rate * _decay(t, config)
      adam.step()

  def advance(steps):
    nonlocal t
    for _ in range(steps):
      step()
      t += 1

  return advance, sum(p.numel() for ps, _ in players for p in ps)


def _decay(t: int, config: ml_collections.ConfigDict) -> float:
  if not config.decay_steps:
    return 1.0
  if t < config.warmup_steps:
    return t / config.warmup_steps
  part = (t - config.warmup_steps) / (config.decay_steps - config.warmup_steps)
  return 0.5 * (1 + math.cos(math.pi * min(part, 1.0)))


def _adam(parameters, rate, penalty, config):
  """Adam, with L2 on convolution kernels, the only 4-D parameters."""
  betas = (config.adam_b1, config.adam_b2)
  kernels = [p for p in parameters if p.ndim == 4]
  others = [p for p in parameters if p.ndim != 4]
  groups = [{"params": others}]
  if kernels:
    groups.append({"params": kernels, "weight_decay": penalty})
  return torch.optim.Adam(groups, lr=rate, betas=betas)


def _data(config) -> Callable[[int], Any]:
  """Draws real samples, as data.gaussian_grid and data.discs do."""
  if config.dataset == "gaussian_grid":
    centres = torch.tensor(np.asarray(gaussian_grid.mode_centres(config)))
    weights = torch.tensor(np.asarray(gaussian_grid.mode_weights(config)))

    def grid(n):
      which = torch.multinomial(weights, n, replacement=True)
      return centres[which] + config.mode_std * torch.randn(n, 2)

    return grid
  return lambda n: discs(n, config.image_size, config.image_channels)


def _networks(config) -> tuple[Any, Any]:
  """Returns generator and discriminator, as model.networks makes them."""
  nn = torch.nn
  if config.network == "mlp":
    return (
      _mlp(config, "generator", config.latent_dim, config.data_dim, skip=True),
      _mlp(config, "discriminator", config.data_dim, 1, skip=False),
    )
  norm = lambda c: nn.BatchNorm2d(c, eps=1e-3, track_running_stats=False)
  discriminator_norm = {
    "batch": norm,
    "layer": lambda c: nn.GroupNorm(1, c, eps=1e-6),
    "none": lambda c: nn.Identity(),
  }[config.discriminator_norm]
  up = lambda c, f: nn.ConvTranspose2d(c, f, 5, 2, padding=2, output_padding=1)
  squash = nn.Module()
  squash.forward = lambda a: 1.7159 * torch.tanh(2 / 3 * a)
  c = config.generator_features
  depth = int(math.log2(config.image_size // 4))
  layers = [
    nn.Linear(config.latent_dim, 16 * c),
    nn.ReLU(),
    nn.Unflatten(1, (c, 4, 4)),
  ]
  for _ in range(1, depth):
    layers += [up(c, c // 2), norm(c // 2), nn.ReLU()]
    c //= 2
  generator = nn.Sequential(*layers, up(c, config.image_channels), squash)
  layers, c = [], config.image_channels
  for i in range(model.discriminator_depth(config)):
    f = config.discriminator_features << i
    kind = config.discriminator_norm
    normed = kind == "batch" or (kind == "layer" and i)
    layers += [
      nn.Conv2d(c, f, 5, 2, padding=2, bias=not normed),
      discriminator_norm(f) if normed else nn.Identity(),
      nn.LeakyReLU(0.2),
    ]
    c = f
  side = config.image_size >> model.discriminator_depth(config)
  layers += [nn.Flatten(), nn.Linear(c * side**2, 1)]
  return generator, nn.Sequential(*layers)


def _mlp(config, player, inputs, outputs, skip) -> Any:
  """Returns the network that model.MLP is, with the settings of `player`."""
  nn = torch.nn
  activation = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "silu": nn.SiLU,
    "gelu": lambda: nn.GELU("tanh"),
    "tanh": nn.Tanh,
    "adaptive_tanh": None,
  }[config[f"{player}_activation"]]
  generator = player == "generator"
  frequencies = 0 if generator else config.discriminator_frequencies

  class AdaptiveTanh(nn.Module):
    def __init__(self, width):
      super().__init__()
      self.slope = nn.Parameter(torch.zeros(width))

    def forward(self, a):
      return torch.tanh(torch.exp(config.generator_steepness * self.slope) * a)

  class MLP(nn.Module):
    def __init__(self):
      super().__init__()
      self.register_buffer("waves", torch.randn(inputs, frequencies))
      layers, width = [], inputs + 2 * frequencies
      for wide in config[f"{player}_widths"]:
        act = activation() if activation else AdaptiveTanh(wide)
        layers += [nn.Linear(width, wide), act]
        width = wide
      self.layers = nn.Sequential(*layers, nn.Linear(width, outputs))
      self.skip = nn.Linear(inputs, outputs) if skip else None

    def forward(self, a):
      features = a
      if frequencies:
        phase = config.discriminator_bandwidth * a @ self.waves
        features = torch.cat([a, torch.sin(phase), torch.cos(phase)], dim=-1)
      out = self.layers(features)
      return out if self.skip is None else out + self.skip(a)

  return MLP()
