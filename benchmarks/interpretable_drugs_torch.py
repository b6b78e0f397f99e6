"""The peers in PyTorch: captum's integrated gradients, the padded layout."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.nn import functional

try:
  from captum.attr import IntegratedGradients
except ImportError:  # Then there is no such peer.
  IntegratedGradients = None


def tensor(array: Any) -> torch.Tensor:
  """A copy of an array."""
  return torch.tensor(np.asarray(array))


def selu_network(params: Mapping[str, Any], depth: int) -> torch.nn.Module:
  """The network of `model.SeluNetwork` with its parameters, at test time."""
  names = [*(f"dense_{i}" for i in range(depth)), "out"]
  layers: list[torch.nn.Module] = []
  for name in names:
    kernel = np.asarray(params[name]["kernel"])
    layer = torch.nn.Linear(*kernel.shape)
    with torch.no_grad():
      layer.weight.copy_(tensor(kernel.T))
      layer.bias.copy_(tensor(params[name]["bias"]))
    layers += [layer.requires_grad_(False), torch.nn.SELU()]
  return torch.nn.Sequential(*layers[:-1])


def attribution(
  network: torch.nn.Module, bits: np.ndarray, steps: int, rows: int
) -> Callable[[], np.ndarray]:
  """Returns a call of captum's, by the paper's rule, of the first output.

  Args:
    network: of `selu_network`.
    bits: `[molecules, bits]`.
    steps: of the path, right ends, as the paper has it.
    rows: that captum puts through the network at once.
  """
  assert IntegratedGradients is not None
  method, x = IntegratedGradients(network), tensor(bits.astype(np.float32))
  return lambda: (
    method.attribute(
      x,
      target=0,
      n_steps=steps,
      method="riemann_right",
      internal_batch_size=rows,
    )
    .detach()
    .numpy()
  )


def padded_step(
  params: Mapping[str, Any],
  atoms: np.ndarray,
  picks: np.ndarray,
  y: np.ndarray,
  widths: Sequence[int],
) -> Callable[[], float]:
  """Returns a call for the loss and all gradients, as the authors lay it out.

  Args:
    params: of `model.GraphNetwork`.
    atoms: `[molecules, slots, features]`, zeros where there is none.
    picks: 0 or 1, `[molecules, slots * neighbours * 2, slots + 1]`: neighbour
      and centre of each slot; column 0 is nobody.
    y: labels, `[molecules, 1]`.
    widths: of the convolutions.
  """
  names = [f"convolution_{i}" for i in range(len(widths))]
  kernels = [tensor(params[name]).requires_grad_() for name in names]
  dense, out = (
    [tensor(params[name][part]).requires_grad_() for part in ("kernel", "bias")]
    for name in ("dense", "out")
  )
  leaves = [*kernels, *dense, *out]
  first, picked, labels = map(tensor, (atoms, picks, y))
  count, slots = atoms.shape[:2]
  neighbours = picks.shape[1] // (2 * slots)

  def step():
    x = first
    for kernel in kernels:
      pairs = picked @ functional.pad(x, (0, 0, 1, 0))
      pairs = pairs.reshape(count, slots, neighbours, -1)
      x = torch.relu(pairs @ kernel).mean(2)
    h = torch.relu(x.mean(1) @ dense[0] + dense[1])
    logits = h @ out[0] + out[1]
    loss = functional.binary_cross_entropy_with_logits(logits, labels)
    torch.autograd.grad(loss, leaves)
    return float(loss.detach())

  return step
