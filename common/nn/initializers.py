"""What self-normalizing networks start from: SELU's constants, weights."""

import jax

# The double nearest to the published digits: SELU of a standard normal has mean
# 0 and variance 1 (Eq. 14 of arXiv:1706.02515).
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
