"""DCGAN's, WGAN-GP's and BEGAN's steps in PyTorch, the peer of `ttur`.

Plain eager PyTorch, written to its advantage: what both players can share is
computed once, and gradients are asked for only where they are used.
"""

import itertools
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F


def step(config) -> tuple[Callable[[int], None], int]:
  """Returns `advance(steps)` and the number of parameters of both players."""
  G, D = {"dcgan": _dcgan, "resnet": _resnet, "began": _began}[config.network](
    config
  )
  betas = (config.adam_b1, config.adam_b2)
  adam_g = torch.optim.Adam(G.parameters(), config.generator_rate, betas)
  adam_d = torch.optim.Adam(D.parameters(), config.discriminator_rate, betas)
  n, size, c = config.batch_size, config.image_size, config.image_channels
  uniform = config.latent == "uniform"

  def latent():
    z = torch.rand(n, config.latent_dim) * 2 - 1 if uniform else None
    return torch.randn(n, config.latent_dim) if z is None else z

  def dcgan():
    y, x = discs(n, size, c), G(latent())
    d_x, d_y = D(x.detach()), D(y)
    down(adam_d, D, F.softplus(d_x).mean() + F.softplus(-d_y).mean())
    down(adam_g, G, F.softplus(-D(x)).mean())

  def wgan_gp():
    down(adam_g, G, -D(G(latent())).mean())
    for _ in range(config.critic_steps):
      y = discs(n, size, c)
      with torch.no_grad():
        x = G(latent())
      t = torch.rand(n, 1, 1, 1)
      between = (t * y + (1 - t) * x).requires_grad_()
      (slope,) = torch.autograd.grad(
        D(between).sum(), between, create_graph=True
      )
      norm = slope.flatten(1).square().sum(1).add(1e-12).sqrt()
      penalty = ((norm - 1) ** 2).mean()
      loss = D(x).mean() - D(y).mean() + config.gradient_penalty * penalty
      down(adam_d, D, loss)

  k = 0.0

  def began():
    nonlocal k
    y, x = discs(n, size, c), G(latent())
    real, fake = (D(y) - y).abs().mean(), (D(x) - x).abs().mean()
    of_g, of_d = list(G.parameters()), list(D.parameters())
    real_d = torch.autograd.grad(real, of_d)
    fake_d_g = torch.autograd.grad(fake, of_d + of_g)  # One way back for both.
    fake_d, fake_g = fake_d_g[: len(of_d)], fake_d_g[len(of_d) :]
    for p, a, b in zip(of_d, real_d, fake_d, strict=True):
      p.grad = a - k * b
    for p, g in zip(of_g, fake_g, strict=True):
      p.grad = g
    adam_d.step(), adam_g.step()
    change = config.diversity * real.item() - fake.item()
    k = min(max(k + config.balance_rate * change, 0.0), 1.0)

  once = {"dcgan": dcgan, "wgan_gp": wgan_gp, "began": began}[config.game]

  def advance(steps):
    for _ in range(steps):
      once()

  count = sum(p.numel() for net in (G, D) for p in net.parameters())
  return advance, count


def down(adam: Any, module: nn.Module, loss: Any) -> None:
  """A step of one player; the other gets no gradients."""
  parameters = list(module.parameters())
  grads = torch.autograd.grad(loss, parameters)
  for p, g in zip(parameters, grads, strict=True):
    p.grad = g
  adam.step()


def discs(n: int, size: int, channels: int) -> Any:
  """What `common.gan.image_data.discs` draws, channels first."""
  ticks = (torch.arange(size) + 0.5) / size
  place = 0.25 + 0.5 * torch.rand(n, 2, 1, 1)
  radius = 0.1 + 0.1 * torch.rand(n, 1, 1)
  across = (ticks[None, :] - place[:, 0]) ** 2
  down = (ticks[:, None] - place[:, 1]) ** 2
  disc = torch.tanh(size * (radius - torch.sqrt(across + down)))
  return disc[:, None].expand(n, channels, size, size)


def _dcgan(config):
  norm = lambda c: nn.BatchNorm2d(c, 1e-5)
  up = lambda c, f: nn.ConvTranspose2d(c, f, 5, 2, padding=2, output_padding=1)
  side, c = config.image_size // 16, 8 * config.width
  layers = [nn.Linear(config.latent_dim, side**2 * c)]
  layers += [nn.Unflatten(1, (c, side, side)), norm(c), nn.ReLU()]
  for _ in range(3):
    layers += [up(c, c // 2), norm(c // 2), nn.ReLU()]
    c //= 2
  G = nn.Sequential(*layers, up(c, config.image_channels), nn.Tanh())
  layers, c = [], config.image_channels
  for i in range(4):
    f = config.width << i
    layers.append(nn.Conv2d(c, f, 5, 2, padding=2))
    layers += ([norm(f)] if i else []) + [nn.LeakyReLU(0.2)]
    c = f
  return G, nn.Sequential(*layers, nn.Flatten(), nn.Linear(c * side**2, 1))


class _Block(nn.Module):
  """`common.gan.resnet.ResBlock`."""

  def __init__(self, c, f, up):
    super().__init__()
    inside = f if up else c
    norm = nn.BatchNorm2d if up else lambda c: nn.GroupNorm(1, c)
    self.up = up
    self.norms = nn.ModuleList([norm(c), norm(inside)])
    self.one = nn.Conv2d(c, inside, 3, padding=1, bias=False)
    self.two = nn.Conv2d(inside, f, 3, padding=1)
    self.short = nn.Conv2d(c, f, 1)

  def forward(self, a):
    h = F.relu(self.norms[0](a))
    if self.up:
      a, h = (F.interpolate(v, scale_factor=2) for v in (a, h))
    else:
      a = F.avg_pool2d(a, 2)
    h = self.two(F.relu(self.norms[1](self.one(h))))
    return self.short(a) + (h if self.up else F.avg_pool2d(h, 2))


class _Fold(nn.Module):
  """Flattens; of four samples one, if so."""

  def __init__(self, count):
    super().__init__()
    self.count = count

  def forward(self, a):
    return a.reshape(len(a) // self.count, -1)


def _resnet(config):
  c, side, colours = (
    config.width,
    config.image_size // 16,
    config.image_channels,
  )
  layers = [nn.Linear(config.latent_dim, side**2 * 8 * c)]
  layers.append(nn.Unflatten(1, (8 * c, side, side)))
  widths = [8 * c, 8 * c, 4 * c, 2 * c, c]
  for a, b in itertools.pairwise(widths):
    layers.append(_Block(a, b, True))
  last = nn.Conv2d(c, colours, 3, padding=1)
  G = nn.Sequential(*layers, nn.BatchNorm2d(c), nn.ReLU(), last, nn.Tanh())
  layers, widths = [nn.Conv2d(colours, c, 3, padding=1)], [c, 2 * c, 4 * c]
  widths += [8 * c, 8 * c]
  for a, b in itertools.pairwise(widths):
    layers.append(_Block(a, b, False))
  four = 4 if config.four_samples_as_one else 1
  flat = four * 8 * c * side**2
  return G, nn.Sequential(*layers, _Fold(four), nn.Linear(flat, 1))


def _decoder(config):
  n, size = config.width, config.image_size
  layers = [nn.Linear(config.latent_dim, 64 * n), nn.Unflatten(1, (n, 8, 8))]
  stages = int(math.log2(size // 8)) + 1
  for i in range(stages):
    for _ in range(2):
      layers += [nn.Conv2d(n, n, 3, padding=1), nn.ELU()]
    if i < stages - 1:
      layers.append(nn.Upsample(scale_factor=2))
  return nn.Sequential(
    *layers, nn.Conv2d(n, config.image_channels, 3, padding=1)
  )


def _began(config):
  n, stages = config.width, int(math.log2(config.image_size // 8)) + 1
  layers = [nn.Conv2d(config.image_channels, n, 3, padding=1), nn.ELU()]
  c = n
  for i in range(stages):
    f = (i + 1) * n
    for _ in range(2):
      layers += [nn.Conv2d(c, f, 3, padding=1), nn.ELU()]
      c = f
    if i < stages - 1:
      layers += [nn.Conv2d(c, c, 3, 2, padding=1), nn.ELU()]
  layers += [nn.Flatten(), nn.Linear(64 * c, config.latent_dim)]
  D = nn.Sequential(*layers, _decoder(config))
  return _decoder(config), D
