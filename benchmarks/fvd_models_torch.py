"""The peers of benchmarks/fvd_models.py: the same steps in plain PyTorch.

Eager, a Python loop over time; see the docstring there. Layers have the names
of ours, so that a test can give them our parameters. SAVP is in
`fvd_savp_torch`.
"""

from collections.abc import Callable
from typing import Any

import ml_collections
import torch
from torch import nn
from torch.nn import functional as F

_LEAST_LOG_VARIANCE = -5.0  # Of SV2P's posterior.


def step(
  config: ml_collections.ConfigDict,
) -> tuple[Callable[[int], None], int]:
  """Returns the peer's `advance(steps)` and its number of parameters."""
  net = {"cdna": Cell, "sv2p": SV2P, "svp_fp": SVP}[config.model](config)
  parameters = trained(net)
  optimiser, video = adam(config, parameters), a_batch(config)

  def advance(steps):
    for _ in range(steps):
      loss = net(video)
      optimiser.zero_grad()
      loss.backward()
      optimiser.step()

  return advance, sum(p.numel() for p in parameters)


def trained(net: nn.Module) -> list[Any]:
  """The parameters that learn."""
  return [p for p in net.parameters() if p.requires_grad]


def adam(config: ml_collections.ConfigDict, parameters: list[Any]) -> Any:
  """Adam as the config has it."""
  betas = config.adam_b1, config.adam_b2
  return torch.optim.Adam(parameters, lr=config.learning_rate, betas=betas)


def a_batch(config: ml_collections.ConfigDict) -> Any:
  """One batch for all steps: the peer's data cost nothing."""
  size = (config.image_size,) * 2
  return torch.rand(config.frames, config.batch_size, 3, *size)


def drawn(mean: Any, log_variance: Any) -> Any:
  """A sample of a normal distribution."""
  return mean + torch.exp(log_variance / 2) * torch.randn_like(mean)


def divergence(mean: Any, log_variance: Any) -> Any:
  """KL(N(mean, variance) || N(0, 1)), each number's own."""
  return 0.5 * (mean**2 + torch.exp(log_variance) - 1 - log_variance)


class Conv(nn.Conv2d):
  """A convolution with zeros as TensorFlow's "SAME" has them."""

  def forward(self, x: Any) -> Any:
    side, kernel, stride = x.shape[-1], self.kernel_size[0], self.stride[0]
    missing = max((-(-side // stride) - 1) * stride + kernel - side, 0)
    low = missing // 2
    return super().forward(F.pad(x, (low, missing - low, low, missing - low)))


class Deconv(nn.ConvTranspose2d):
  """Twice as large, 3x3; the transpose of `Conv`."""

  def __init__(self, c: int, f: int):
    super().__init__(c, f, 3, 2)

  def forward(self, x: Any) -> Any:
    return super().forward(x)[:, :, :-1, :-1]


def layer_norm(c: int) -> nn.Module:
  """Moments over a sample's map, a scale and a shift per channel."""
  return nn.GroupNorm(1, c, eps=1e-12)


def instance_norm(c: int) -> nn.Module:
  """Moments over each channel of a sample's map."""
  return nn.InstanceNorm2d(c, eps=1e-6, affine=True)


def lstm_cell(size: int) -> nn.Module:
  """An LSTM with one bias, as ours has: PyTorch's second one stays zero."""
  cell = nn.LSTMCell(size, size)
  nn.init.zeros_(cell.bias_hh)
  cell.bias_hh.requires_grad = False
  return cell


class ConvLSTM(nn.Module):
  """One step; `normalise` as SAVP has it."""

  def __init__(self, c: int, f: int, normalise: bool = False, size: int = 5):
    super().__init__()
    norm = instance_norm if normalise else lambda _: nn.Identity()
    self.gates = Conv(c + f, 4 * f, size, bias=not normalise)
    self.gates_norm, self.cell_norm = norm(4 * f), norm(f)
    self.features = f

  def forward(self, state: Any, x: Any) -> Any:
    if state is None:
      zeros = x.new_zeros(len(x), self.features, *x.shape[2:])
      state = zeros, zeros
    c, h = state
    gates = self.gates_norm(self.gates(torch.cat([x, h], 1)))
    i, j, f, o = gates.chunk(4, 1)
    c = c * torch.sigmoid(f + 1) + torch.sigmoid(i) * torch.tanh(j)
    c = self.cell_norm(c)
    h = torch.sigmoid(o) * torch.tanh(c)
    return (c, h), h


def unit_kernels(raw: Any) -> Any:
  """Kernels `[n, k, size**2]` without negative weights, whose sum is 1."""
  positive = F.relu(raw - 1e-12) + 1e-12
  return positive / positive.sum(2, keepdim=True)


def warp(padded: Any, kernels: Any, side: int) -> Any:
  """Each sample moved by its own kernels, `[n, k, c, side, side]`."""
  n, k, places = kernels.shape
  patches = F.unfold(padded, round(places**0.5)).view(n, 3, places, -1)
  moved = torch.einsum("nkp,ncpx->nkcx", kernels, patches)
  return moved.view(n, k, 3, side, side)


class Cell(nn.ModuleDict):
  """`[t, n, 3, h, w] -> loss`, of projects/fvd/models/cdna.py.

  SV2P gives it a `latent` map, too.
  """

  def __init__(self, config: ml_collections.ConfigDict, latent: int = 0):
    super().__init__()
    w, k = config.width, config.kernels
    self.config = config
    places = (config.image_size // 8) ** 2
    pairs = [(w, w), (w, w), (w, 2 * w), (2 * w, 2 * w), (2 * w, 4 * w)]
    pairs += [(4 * w, 2 * w), (3 * w, w)]
    for i, pair in enumerate(pairs, 1):
      self[f"lstm_{i}"] = ConvLSTM(*pair)
      self[f"lstm_{i}_norm"] = layer_norm(pair[1])
    layers = {
      "conv_0": Conv(3, w, 5, 2),
      "conv_0_norm": layer_norm(w),
      "conv_1": Conv(w, w, 3, 2),
      "conv_2": Conv(2 * w, 2 * w, 3, 2),
      "conv_3": Conv(2 * w + latent, 2 * w, 1),
      "deconv_4": Deconv(4 * w, 4 * w),
      "deconv_5": Deconv(3 * w, 3 * w),
      "deconv_6": Deconv(2 * w, 2 * w),
      "deconv_6_norm": layer_norm(2 * w),
      "scratch": Conv(2 * w, 3, 1),
      "masks": Conv(2 * w, k + 1, 1),
      "kernels": nn.Linear(4 * w * places, k * config.kernel_size**2),
    }
    self.update(layers)

  def move(self, states: Any, frame: Any, z: Any) -> Any:
    """One step."""
    config, new = self.config, []

    def lstm(x):
      i = len(new)
      state, h = self[f"lstm_{i + 1}"](states[i], x)
      new.append(state)
      return self[f"lstm_{i + 1}_norm"](h)

    def act(x, name):
      return F.relu(self[name](x))

    e0 = F.relu(self["conv_0_norm"](self["conv_0"](frame)))
    e1 = act(lstm(lstm(e0)), "conv_1")
    x = act(lstm(lstm(e1)), "conv_2")
    x = x if z is None else torch.cat([x, z], 1)
    bottom = lstm(act(x, "conv_3"))
    x = lstm(act(bottom, "deconv_4"))
    x = lstm(act(torch.cat([x, e1], 1), "deconv_5"))
    x = self["deconv_6_norm"](self["deconv_6"](torch.cat([x, e0], 1)))
    masks = torch.softmax(self["masks"](x), 1)
    size, k = config.kernel_size, config.kernels
    raw = self["kernels"](bottom.flatten(1)).view(-1, k, size**2)
    kernels = unit_kernels(raw)[:, : k - 1]
    moved = warp(F.pad(frame, (size // 2,) * 4), kernels, frame.shape[-1])
    scratch = torch.sigmoid(self["scratch"](x))
    choice = torch.cat([torch.stack([frame, scratch], 1), moved], 1)
    return new, (masks[:, :, None] * choice).sum(1)

  def forward(self, video: Any, z: Any = None) -> Any:
    states, made, c = [None] * 7, [], self.config.context
    for t in range(len(video) - 1):
      # As fed back as late in training: the dearest case.
      states, last = self.move(states, video[t] if t < c else made[-1], z)
      made.append(last)
    return ((torch.stack(made[c - 1 :]) - video[c:]) ** 2).mean()


class Posterior(nn.ModuleDict):
  """`[t, n, 3, h, w] -> mean, log variance [n, 1, h / 8, w / 8]`."""

  def __init__(self, config: ml_collections.ConfigDict):
    super().__init__()
    w, c = config.width, 3 * config.frames
    for i, (f, stride) in enumerate([(w, 2), (2 * w, 2), (2 * w, 1)]):
      self[f"conv_{i}"] = Conv(c, f, 3, stride)
      self[f"norm_{i}"] = layer_norm(f)
      c = f
    self["mean"], self["log_variance"] = (Conv(c, 1, 3, 2) for _ in range(2))

  def forward(self, video: Any) -> Any:
    x = video.transpose(0, 1).flatten(1, 2)
    for i in range(3):
      x = F.relu(self[f"norm_{i}"](self[f"conv_{i}"](x)))
    raised = F.relu(self["log_variance"](x))
    return self["mean"](x), raised + _LEAST_LOG_VARIANCE


class SV2P(nn.Module):
  """`[t, n, 3, h, w] -> loss`, of projects/fvd/models/sv2p.py.

  In its last phase, when KL counts fully.
  """

  def __init__(self, config: ml_collections.ConfigDict):
    super().__init__()
    self.config = config
    self.cell, self.posterior = Cell(config, 1), Posterior(config)

  def forward(self, video: Any) -> Any:
    mean, log_variance = self.posterior(video)
    mse = self.cell(video, drawn(mean, log_variance))
    kl = divergence(mean, log_variance).sum() / video.shape[1]
    return mse + self.config.kl_weight * kl


class Encoder(nn.ModuleDict):
  """A frame's vector, and the map of each scale for skips."""

  def __init__(self, config: ml_collections.ConfigDict):
    super().__init__()
    self.convs, c = tuple(config.convs), 3
    for s, width in enumerate(tuple(config.widths)):
      for i in range(self.convs[s]):
        self[f"scale_{s}_{i}"] = nn.Conv2d(c, width, 3, padding=1)
        self[f"scale_{s}_{i}_norm"] = nn.BatchNorm2d(width)
        c = width
    side = config.image_size >> len(self.convs)
    self["out"] = nn.Conv2d(c, config.features, side)
    self["out_norm"] = nn.BatchNorm2d(config.features)

  def forward(self, x: Any) -> Any:
    skips = []
    for s, convs in enumerate(self.convs):
      for i in range(convs):
        x = _act(self, x, f"scale_{s}_{i}")
      skips.append(x)
      x = F.max_pool2d(x, 2)
    return torch.tanh(self["out_norm"](self["out"](x)))[:, :, 0, 0], skips


class Decoder(nn.ModuleDict):
  """A frame of a vector and skips."""

  def __init__(self, config: ml_collections.ConfigDict):
    super().__init__()
    widths, self.convs = tuple(config.widths), tuple(config.convs)
    c, side = widths[-1], config.image_size >> len(widths)
    self["in"] = nn.ConvTranspose2d(config.features, c, side)
    self["in_norm"] = nn.BatchNorm2d(c)
    for s in reversed(range(len(widths))):
      outs = [widths[s]] * self.convs[s]
      outs[-1] = widths[s - 1] if s else 0  # The last is the picture's.
      c = 2 * widths[s]
      for i, f in enumerate(filter(None, outs)):
        self[f"scale_{s}_{i}"] = nn.Conv2d(c, f, 3, padding=1)
        self[f"scale_{s}_{i}_norm"] = nn.BatchNorm2d(f)
        c = f
    self["out"] = nn.ConvTranspose2d(c, 3, 3, padding=1)

  def forward(self, vector: Any, skips: Any) -> Any:
    x = _act(self, vector[:, :, None, None], "in")
    for s in reversed(range(len(skips))):
      x = F.interpolate(x, scale_factor=2, mode="nearest")
      x = torch.cat([x, skips[s]], 1)
      for i in range(self.convs[s] - (s == 0)):
        x = _act(self, x, f"scale_{s}_{i}")
    return torch.sigmoid(self["out"](x))


def _act(layers: Any, x: Any, name: str) -> Any:
  return F.leaky_relu(layers[f"{name}_norm"](layers[name](x)), 0.2)


class SVP(nn.Module):
  """`[t, n, 3, h, w] -> loss`, of projects/fvd/models/svp_fp.py."""

  def __init__(self, config: ml_collections.ConfigDict):
    super().__init__()
    self.config = config
    g, r, z = config.features, config.hidden, config.latent_dim
    self.encoder, self.decoder = Encoder(config), Decoder(config)
    self.posterior = nn.ModuleDict(
      {
        "in": nn.Linear(g, r),
        "lstm": lstm_cell(r),
        "mean": nn.Linear(r, z),
        "log_variance": nn.Linear(r, z),
      }
    )
    self.predictor = nn.ModuleDict(
      {
        "in": nn.Linear(g + z, r),
        "lstm_0": lstm_cell(r),
        "lstm_1": lstm_cell(r),
        "out": nn.Linear(r, g),
      }
    )

  def forward(self, video: Any) -> Any:
    # Frame by frame: each is normalised by moments of its own.
    vectors, skips = zip(*map(self.encoder, video), strict=True)
    p, f = self.posterior, self.predictor
    mse, kl, p_state = 0.0, 0.0, None
    f_states: list[Any] = [None, None]
    for t in range(1, len(video)):
      p_state = p["lstm"](p["in"](vectors[t]), p_state)
      mean, log_variance = p["mean"](p_state[0]), p["log_variance"](p_state[0])
      z = drawn(mean, log_variance)
      x = f["in"](torch.cat([vectors[t - 1], z], 1))
      for j in range(2):
        f_states[j] = f[f"lstm_{j}"](x, f_states[j])
        x = f_states[j][0]
      guess = torch.tanh(f["out"](x))
      made = self.decoder(guess, skips[min(t, self.config.context) - 1])
      mse = mse + ((made - video[t]) ** 2).mean()
      kl = kl + divergence(mean, log_variance).sum() / video.shape[1]
    return mse + self.config.kl_weight * kl
