"""What self-normalizing networks start from: SELU's constants, weights."""

import math

import jax

# The double nearest to the published digits; `selu_constants` recomputes them.
ALPHA = 1.6732632423543772848170429916717
LAMBDA = 1.0507009873554804934193349852946

# SELU of minus infinity: what alpha dropout puts in place of dropped units.
SATURATION = -LAMBDA * ALPHA

# Weights ~ truncated normal, mean 0, variance 1 / fan_in. JAX cuts the normal
# at two standard deviations and divides by the standard deviation that this
# leaves (0.8796), so that the variance is 1 / fan_in exactly, which is all that
# the theory asks of the weights. Biases start at zero.
# Use with `jax.nn.selu`, whose constants are these and whose gradient stays
# finite for large inputs (it takes expm1 of min(x, 0)).
lecun_normal = jax.nn.initializers.lecun_normal


def selu_constants() -> tuple[float, float]:
  r"""Computes the SELU constants whose fixed point is mean 0, variance 1.

  .. math::
    \alpha = \sqrt{2/\pi} / (1 - \sqrt{e}\,c_1), \quad
    \lambda = (1 - \sqrt{e}\,c_1) \sqrt{2\pi / (2 + \pi
      - 2\sqrt{e}(2 + \pi) c_1 + e \pi c_1^2 + 2 e^2 c_2)},

  with :math:`c_1 = \mathrm{erfc}(1/\sqrt{2})`, :math:`c_2 =
  \mathrm{erfc}(\sqrt{2})`: the activation of a standard normal has mean 0
  and variance 1.

  Returns:
    alpha and lambda in double precision; rounding leaves an error of one unit
    in the last place (2.2e-16), which ALPHA and LAMBDA do not have.

  Reference: arXiv:1706.02515, and getSELUparameters.ipynb of bioinf-jku/SNNs.
  """
  c1, c2 = math.erfc(math.sqrt(0.5)), math.erfc(math.sqrt(2.0))
  root_e, pi = math.exp(0.5), math.pi
  gap = 1.0 - root_e * c1
  alpha = math.sqrt(2.0 / pi) / gap
  scale = gap * math.sqrt(
    2.0
    * pi
    / (
      2.0
      + pi
      - 2.0 * root_e * (2.0 + pi) * c1
      + math.e * pi * c1**2
      + 2.0 * math.exp(2.0) * c2
    )
  )
  return alpha, scale
