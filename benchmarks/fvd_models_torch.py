"""The peers of benchmarks/fvd_models.py: the same steps in plain PyTorch.

Eager, a Python loop over time; see the docstring there.
"""

from collections.abc import Callable
from typing import Any

import ml_collections
import torch
from torch import nn
from torch.nn import functional as F


def step(
  config: ml_collections.ConfigDict,
) -> tuple[Callable[[int], None], int]:
  """Returns the peer's `advance(steps)` and its number of parameters."""
  peers = {"cdna": CDNA, "svp_fp": SVP}
  net = peers[config.model](config)
  parameters = [p for p in net.parameters() if p.requires_grad]
  adam = torch.optim.Adam(parameters, lr=config.learning_rate)
  size = config.image_size
  # One batch for all steps: the peer's data cost nothing.
  video = torch.rand(config.frames, config.batch_size, 3, size, size)

  def advance(steps):
    for _ in range(steps):
      loss = net(video)
      adam.zero_grad()
      loss.backward()
      adam.step()

  return advance, sum(p.numel() for p in parameters)


def same(x: Any, kernel: int, stride: int) -> Any:
  """Zeros as TensorFlow's "SAME" has them, for a map `[n, c, h, w]`."""
  side = x.shape[-1]
  missing = max((-(-side // stride) - 1) * stride + kernel - side, 0)
  low = missing // 2
  return F.pad(x, (low, missing - low, low, missing - low))


class Conv(nn.Module):
  """A convolution with "SAME" padding."""

  def __init__(self, c: int, f: int, kernel: int, stride: int = 1):
    super().__init__()
    self.kernel, self.stride = kernel, stride
    self.conv = nn.Conv2d(c, f, kernel, stride)

  def forward(self, x: Any) -> Any:
    return self.conv(same(x, self.kernel, self.stride))


def deconv(c: int, f: int) -> nn.Module:
  """Twice as large, 3x3."""
  return nn.ConvTranspose2d(c, f, 3, 2, padding=1, output_padding=1)


def layer_norm(c: int) -> nn.Module:
  """Moments over a sample's map, a scale and a shift per channel."""
  return nn.GroupNorm(1, c, eps=1e-12)


def lstm_cell(size: int) -> nn.Module:
  """An LSTM with one bias, as ours has: PyTorch's second one stays zero."""
  cell = nn.LSTMCell(size, size)
  nn.init.zeros_(cell.bias_hh)
  cell.bias_hh.requires_grad = False
  return cell


class ConvLSTM(nn.Module):
  """One step, and the layer norm after it."""

  def __init__(self, c: int, f: int):
    super().__init__()
    self.gates, self.norm = Conv(c + f, 4 * f, 5), layer_norm(f)
    self.features = f

  def forward(self, state: Any, x: Any) -> Any:
    if state is None:
      zeros = x.new_zeros(len(x), self.features, *x.shape[2:])
      state = zeros, zeros
    c, h = state
    i, j, f, o = self.gates(torch.cat([x, h], 1)).chunk(4, 1)
    c = c * torch.sigmoid(f + 1) + torch.sigmoid(i) * torch.tanh(j)
    h = torch.sigmoid(o) * torch.tanh(c)
    return (c, h), self.norm(h)


class CDNA(nn.Module):
  """`[t, n, 3, h, w] -> loss`, of projects/fvd/models/cdna.py."""

  def __init__(self, config: ml_collections.ConfigDict):
    super().__init__()
    w, k = config.width, config.kernels
    self.config = config
    self.convs = nn.ModuleList(
      [Conv(3, w, 5, 2), Conv(w, w, 3, 2), Conv(2 * w, 2 * w, 3, 2)]
    )
    self.mix = Conv(2 * w, 2 * w, 1)
    pairs = [(w, w), (w, w), (w, 2 * w), (2 * w, 2 * w), (2 * w, 4 * w)]
    pairs += [(4 * w, 2 * w), (3 * w, w)]
    self.lstms = nn.ModuleList([ConvLSTM(*pair) for pair in pairs])
    self.deconvs = nn.ModuleList(
      [deconv(4 * w, 4 * w), deconv(3 * w, 3 * w), deconv(2 * w, 2 * w)]
    )
    self.norms = nn.ModuleList([layer_norm(w), layer_norm(2 * w)])
    self.scratch, self.masks = Conv(2 * w, 3, 1), Conv(2 * w, k + 1, 1)
    places = (config.image_size // 8) ** 2
    self.dense = nn.Linear(4 * w * places, k * config.kernel_size**2)

  def move(self, states: Any, frame: Any) -> Any:
    """One step."""
    config, new = self.config, []

    def lstm(i, x):
      state, h = self.lstms[i](states[i], x)
      new.append(state)
      return h

    e0 = F.relu(self.norms[0](self.convs[0](frame)))
    e1 = F.relu(self.convs[1](lstm(1, lstm(0, e0))))
    x = F.relu(self.convs[2](lstm(3, lstm(2, e1))))
    bottom = lstm(4, F.relu(self.mix(x)))
    x = lstm(5, F.relu(self.deconvs[0](bottom)))
    x = lstm(6, F.relu(self.deconvs[1](torch.cat([x, e1], 1))))
    x = F.relu(self.norms[1](self.deconvs[2](torch.cat([x, e0], 1))))
    masks = torch.softmax(self.masks(x), 1)
    n, size, k = len(frame), config.kernel_size, config.kernels
    kernels = self.dense(bottom.flatten(1)).view(n, k, size**2)
    kernels = F.relu(kernels - 1e-12) + 1e-12
    kernels = (kernels / kernels.sum(2, keepdim=True))[:, : k - 1]
    patches = F.unfold(frame, size, padding=size // 2)
    patches = patches.view(n, 3, size**2, -1)
    moved = torch.einsum("nkp,ncpx->nkcx", kernels, patches)
    moved = moved.view(n, k - 1, *frame.shape[1:])
    scratch = torch.sigmoid(self.scratch(x))
    choice = torch.cat([torch.stack([frame, scratch], 1), moved], 1)
    return new, (masks[:, :, None] * choice).sum(1)

  def forward(self, video: Any) -> Any:
    states, made = [None] * 7, []
    for t in range(len(video) - 1):
      # As fed back as late in training: the dearest case.
      states, last = self.move(
        states, video[t] if t < self.config.context else made[-1]
      )
      made.append(last)
    c = self.config.context
    return ((torch.stack(made[c - 1 :]) - video[c:]) ** 2).mean()


class SVP(nn.Module):
  """`[t, n, 3, h, w] -> loss`, of projects/fvd/models/svp_fp.py."""

  def __init__(self, config: ml_collections.ConfigDict):
    super().__init__()
    self.config = config
    widths, convs = list(config.widths), list(config.convs)
    g, r, z = config.features, config.hidden, config.latent_dim
    side = config.image_size >> len(widths)

    def block(c, f):
      return [nn.Conv2d(c, f, 3, padding=1), *act(f)]

    def act(f):
      return [nn.BatchNorm2d(f), nn.LeakyReLU(0.2)]

    self.down, self.up, c = nn.ModuleList(), nn.ModuleList(), 3
    for width, count in zip(widths, convs, strict=True):
      layers = []
      for _ in range(count):
        layers += block(c, width)
        c = width
      self.down.append(nn.Sequential(*layers))
    self.out = nn.Sequential(nn.Conv2d(c, g, side), nn.BatchNorm2d(g))
    self.start = nn.Sequential(nn.ConvTranspose2d(g, c, side), *act(c))
    for s in reversed(range(len(widths))):
      outs = [widths[s]] * convs[s]
      outs[-1] = widths[s - 1] if s else 0
      layers, c = [], 2 * widths[s]
      for f in filter(None, outs):
        layers += block(c, f)
        c = f
      self.up.append(nn.Sequential(*layers))
    self.picture = nn.ConvTranspose2d(c, 3, 3, padding=1)
    self.p_in, self.p_lstm = nn.Linear(g, r), lstm_cell(r)
    self.mean, self.log_variance = nn.Linear(r, z), nn.Linear(r, z)
    self.f_in, self.f_out = nn.Linear(g + z, r), nn.Linear(r, g)
    self.f_lstms = nn.ModuleList([lstm_cell(r) for _ in range(2)])

  def encode(self, x: Any) -> Any:
    """A vector, and the skips."""
    skips = []
    for layers in self.down:
      skips.append(layers(x))
      x = F.max_pool2d(skips[-1], 2)
    return torch.tanh(self.out(x))[:, :, 0, 0], skips

  def decode(self, vector: Any, skips: Any) -> Any:
    """A frame."""
    x = self.start(vector[:, :, None, None])
    for layers, skip in zip(self.up, reversed(skips), strict=True):
      x = F.interpolate(x, scale_factor=2, mode="nearest")
      x = layers(torch.cat([x, skip], 1))
    return torch.sigmoid(self.picture(x))

  def forward(self, video: Any) -> Any:
    t, n = video.shape[:2]
    vectors, skips = self.encode(video.flatten(0, 1))
    vectors = vectors.view(t, n, -1)
    guesses, kl = [], 0.0
    zeros = vectors.new_zeros(n, self.config.hidden)
    p_state, f_states = (zeros, zeros), [(zeros, zeros)] * 2
    for i in range(1, t):
      p_state = self.p_lstm(self.p_in(vectors[i]), p_state)
      mean, lv = self.mean(p_state[0]), self.log_variance(p_state[0])
      z = mean + torch.exp(lv / 2) * torch.randn_like(mean)
      x = self.f_in(torch.cat([vectors[i - 1], z], 1))
      for j, lstm in enumerate(self.f_lstms):
        f_states[j] = lstm(x, f_states[j])
        x = f_states[j][0]
      guesses.append(torch.tanh(self.f_out(x)))
      kl = kl + 0.5 * (mean**2 + lv.exp() - 1 - lv).sum() / n
    index = [min(i - 1, self.config.context - 1) for i in range(1, t)]
    chosen = [s.view(t, n, *s.shape[1:])[index].flatten(0, 1) for s in skips]
    made = self.decode(torch.cat(guesses), chosen).view(t - 1, *video.shape[1:])
    mse = ((made - video[1:]) ** 2).mean((1, 2, 3, 4)).sum()
    return mse + self.config.kl_weight * kl
