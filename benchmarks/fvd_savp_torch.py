"""SAVP's peer in benchmarks/fvd_models.py: the same step in plain PyTorch.

Both rollouts are made once, side by side, and judged twice: as constants for
the discriminators' update, and after it for the generator's. See the docstring
there; layers have the names of ours.
"""

from collections.abc import Callable
from typing import Any

import ml_collections
import torch
from torch import nn
from torch.nn import functional as F

from benchmarks import fvd_models_torch as shared
from benchmarks.fvd_models_torch import Conv, ConvLSTM, instance_norm

# Of each convolution: kernel, stride in time and in space, width.
_LAYERS = (
  (3, 1, 1, 1),
  (4, 1, 2, 2),
  (3, 1, 1, 2),
  (4, 1, 2, 4),
  (3, 1, 1, 4),
  (4, 2, 2, 8),
  (3, 1, 1, 8),
)


def step(
  config: ml_collections.ConfigDict,
) -> tuple[Callable[[int], None], int]:
  """Returns the peer's `advance(steps)` and its number of parameters."""
  generator, judges = Generator(config), Judges(config)
  mine, theirs = shared.trained(generator), shared.trained(judges)
  own, other = shared.adam(config, mine), shared.adam(config, theirs)
  video = shared.a_batch(config)

  def advance(steps):
    for _ in range(steps):
      made, error = generator(video)
      cuts = [a_cut(config) for _ in made]
      real = [cut(video[1:]) for cut in cuts]
      fake = [cut(m) for cut, m in zip(cuts, made, strict=True)]
      loss = judges(real, [m.detach() for m in fake])
      other.zero_grad()
      loss.backward()
      other.step()
      judges.requires_grad_(False)  # Nothing is computed for them.
      loss = error + judges.fooled(fake)
      own.zero_grad()
      loss.backward()
      own.step()
      judges.requires_grad_(True)

  return advance, sum(p.numel() for p in (*mine, *theirs))


def a_cut(config: ml_collections.ConfigDict) -> Callable[[Any], Any]:
  """Of videos `[t, n, ...]` the clips that a discriminator sees of each."""
  n, b = config.discriminator_frames, config.batch_size
  times = torch.randint(config.frames - n, (b,)) + torch.arange(n)[:, None]
  return lambda videos: videos[times, torch.arange(b)]


class Cell(nn.ModuleDict):
  """`states, frame, first frame, z -> states, the next frame`."""

  def __init__(self, config: ml_collections.ConfigDict):
    super().__init__()
    self.config, z = config, config.latent_dim
    self["latent"] = ConvLSTM(z, z, size=1)  # On a map of one pixel.
    down, up = tuple(config.down), tuple(config.up)
    c, levels, last = 6, list(down), up[-1]
    for i, f in enumerate(down):
      self[f"down_{i}"] = Conv(c + z, f, 3 if i else 5)
      self[f"down_{i}_norm"] = instance_norm(f)
      self[f"down_lstm_{i}"] = ConvLSTM(f + z, f, normalise=True)
      c = f
    levels.pop()
    for i, f in enumerate(up):
      c += levels.pop() if i else 0
      self[f"up_{i}"] = Conv(c + z, f, 3)
      self[f"up_{i}_norm"] = instance_norm(f)
      if i < len(up) - 1:
        self[f"up_lstm_{i}"] = ConvLSTM(f + z, f, normalise=True)
      c = f
    flat = down[-1] * (config.image_size >> len(down)) ** 2
    self["kernels"] = nn.Linear(flat, config.kernels * config.kernel_size**2)
    pictures = config.kernels + 3
    self["heads"] = Conv(c, 2 * last, 3)
    self["heads_norm"] = instance_norm(2 * last)
    self["scratch"] = Conv(last, 3, 3)
    self["masks"] = Conv(last + 3 * pictures, pictures, 3)

  def forward(self, states: Any, frame: Any, first: Any, z: Any) -> Any:
    config = self.config
    z_state, old = states
    z_state, z = self["latent"](z_state, z[:, :, None, None])
    new, levels = [], []

    def with_z(x):
      return torch.cat([x, z.expand(-1, -1, *x.shape[2:])], 1)

    def act(x, name):
      return F.relu(self[f"{name}_norm"](x))

    def lstm(x, name):
      state, h = self[name](old[len(new)], with_z(x))
      new.append(state)
      return h

    x = torch.cat([frame, first], 1)
    for i in range(len(config.down)):
      x = F.avg_pool2d(self[f"down_{i}"](with_z(x)), 2)
      x = lstm(act(x, f"down_{i}"), f"down_lstm_{i}")
      levels.append(x)
    bottom = levels.pop()
    for i in range(len(config.up)):
      x = torch.cat([x, levels.pop()], 1) if i else x
      x = F.interpolate(x, scale_factor=2, mode="bilinear")
      x = act(self[f"up_{i}"](with_z(x)), f"up_{i}")
      x = lstm(x, f"up_lstm_{i}") if i < len(config.up) - 1 else x

    n, side, size = len(frame), frame.shape[-1], config.kernel_size
    raw = self["kernels"](bottom.flatten(1)).view(n, config.kernels, size**2)
    middle = F.one_hot(torch.tensor(size**2 // 2), size**2)
    kernels = shared.unit_kernels(raw + middle)
    moved = shared.warp(mirrored(frame, size // 2), kernels, side)
    s, m = act(self["heads"](x), "heads").chunk(2, 1)
    scratch = torch.sigmoid(self["scratch"](s))
    choice = torch.cat([moved, torch.stack([frame, first, scratch], 1)], 1)
    m = self["masks"](torch.cat([m, choice.flatten(1, 2)], 1))
    masks = torch.softmax(m, 1)
    return (z_state, new), (masks[:, :, None] * choice).sum(1)


def mirrored(x: Any, room: int) -> Any:
  """Padded by what lies at the border, the border too."""
  n = x.shape[-1]
  i = torch.cat(
    [torch.arange(room).flip(0), torch.arange(n), n - 1 - torch.arange(room)]
  )
  return x[:, :, i][..., i]


class Encoder(nn.ModuleDict):
  """Pairs of frames `[n, 6, h, w] -> mean, log variance [n, latent]`."""

  def __init__(self, config: ml_collections.ConfigDict):
    super().__init__()
    c, self.count = 6, len(config.encoder_widths)
    for i, f in enumerate(config.encoder_widths):
      self[f"conv_{i}"] = nn.Conv2d(c, f, 4, 2, padding=1)
      if i:
        self[f"norm_{i}"] = instance_norm(f)
      c = f
    self["mean"] = nn.Linear(c, config.latent_dim)
    self["log_variance"] = nn.Linear(c, config.latent_dim)

  def forward(self, x: Any) -> Any:
    for i in range(self.count):
      x = self[f"conv_{i}"](x)
      x = F.leaky_relu(self[f"norm_{i}"](x) if i else x, 0.2)
    x = x.mean((2, 3))
    return self["mean"](x), self["log_variance"](x).clamp(-10, 10)


class Generator(nn.Module):
  """`[t, n, 3, h, w] -> both rollouts, [t - 1, n, 3, h, w]; L1 and KL`.

  When KL counts fully, and no true frame is seen after the context.
  """

  def __init__(self, config: ml_collections.ConfigDict):
    super().__init__()
    self.config = config
    self.cell, self.encoder = Cell(config), Encoder(config)

  def forward(self, video: Any) -> Any:
    config, (t, n) = self.config, video.shape[:2]
    pairs = torch.cat([video[:-1], video[1:]], 2).flatten(0, 1)
    mean, log_variance = (a.view(t - 1, n, -1) for a in self.encoder(pairs))
    z = shared.drawn(mean, log_variance)
    given = config.context - 1
    prior = torch.cat([z[:given], torch.randn_like(z)[given:]])
    z = torch.cat([z, prior], 1)
    twice = torch.cat([video, video], 1)
    lstms = len(config.down) + len(config.up) - 1
    states, made = (None, [None] * lstms), []
    for i in range(t - 1):
      frame = twice[i] if i < config.context else made[-1]
      states, last = self.cell(states, frame, twice[0], z[i])
      made.append(last)
    vae, gan = torch.stack(made).split(n, 1)
    l1 = (vae - video[1:]).abs().mean()
    kl = shared.divergence(mean, log_variance).sum(2).mean()
    return (vae, gan), config.l1_weight * l1 + config.kl_weight * kl


class Spectral(nn.Module):
  """A layer's weight over its largest singular value.

  Where `move`, a step of the power iteration is kept.
  """

  def __init__(self, layer: nn.Module):
    super().__init__()
    self.weight, self.bias = layer.weight, layer.bias
    self.register_buffer("u", torch.randn(len(layer.weight)))

  def forward(self, move: bool) -> Any:
    matrix = self.weight.flatten(1)
    with torch.no_grad():
      v = F.normalize(matrix.T @ self.u, dim=0)
      u = F.normalize(matrix @ v, dim=0)
    weight = self.weight / (u @ matrix @ v)
    if move:
      self.u = u
    return weight


class Discriminator(nn.ModuleDict):
  """`[t, n, 3, h, w] -> [n]`, spectrally normalised throughout."""

  def __init__(self, config: ml_collections.ConfigDict):
    super().__init__()
    c, side, t = 3, config.image_size, config.discriminator_frames
    for i, (kernel, in_time, in_space, times) in enumerate(_LAYERS):
      f = times * config.discriminator_width
      self[f"conv_{i}"] = Spectral(nn.Conv3d(c, f, kernel))
      t = (t + 2 - kernel) // in_time + 1
      side = (side + 2 - kernel) // in_space + 1
      c = f
    self["out"] = Spectral(nn.Linear(t * c * side**2, 1))

  def forward(self, video: Any, move: bool = False) -> Any:
    x = video.permute(1, 2, 0, 3, 4)
    for i, (_, in_time, in_space, _) in enumerate(_LAYERS):
      layer, stride = self[f"conv_{i}"], (in_time, in_space, in_space)
      x = F.conv3d(x, layer(move), layer.bias, stride, padding=1)
      x = F.leaky_relu(x, 0.1)
    x = x.transpose(1, 2).flatten(1)
    return F.linear(x, self["out"](move), self["out"].bias)[:, 0]


class Judges(nn.ModuleDict):
  """`reals, fakes -> loss` of both discriminators, `[t, n, 3, h, w]` each."""

  def __init__(self, config: ml_collections.ConfigDict):
    super().__init__()
    self["vae"], self["gan"] = (Discriminator(config) for _ in range(2))
    self.weights = config.vae_gan_weight, config.gan_weight

  def forward(self, reals: Any, fakes: Any) -> Any:
    total = 0.0
    for weight, judge, real, fake in zip(
      self.weights, self.values(), reals, fakes, strict=True
    ):
      false = (judge(fake) ** 2).mean()  # First: with u as it was.
      total += weight * (((judge(real, move=True) - 1) ** 2).mean() + false)
    return total

  def fooled(self, fakes: Any) -> Any:
    """What the generator descends."""
    return sum(
      weight * ((judge(fake) - 1) ** 2).mean()
      for weight, judge, fake in zip(
        self.weights, self.values(), fakes, strict=True
      )
    )
