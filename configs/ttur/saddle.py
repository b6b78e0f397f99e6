"""The toy experiment of two rates at a saddle, and Adam as a heavy ball.

    python -m projects.ttur.reproduce --table=saddle

Reproduces: the figure of min_x max_y f(x, y) = (1 + x^2)(100 - y^2) of TTUR
(arXiv:1706.08500), four rows of rates, and its view of Adam as a heavy ball
with friction (Theorem 3). Seconds on one core.

The code's: start, noise, steps, the four rows, and that y moves at the x that
has moved already. Ours: 100 seeds where it has one run; all of the heavy ball,
of which the paper has no experiment.
"""

import ml_collections

from configs import variants


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config; `smoke` takes a few seeds and steps."""
  config = ml_collections.ConfigDict()
  config.seed = 0
  config.seeds = 100
  config.steps = 5_000
  config.last = 1_000  # steps at the end that norms are the mean over
  config.near = 0.15  # of the saddle: a norm below
  config.start = (0.5, -0.4)  # x, y
  config.noise = 1.0  # standard deviation, on each gradient
  config.rates = (  # of x, who minimises, and of y, who maximises
    (1e-2, 1e-2),
    (1e-3, 1e-3),
    (1e-4, 1e-2),
    (1e-2, 1e-4),
  )

  config.ball_start = -2.0
  config.ball_time = 15.0  # in the equation's own time
  config.ball_friction = 1.0  # sqrt((1 - beta1) / rate)
  config.ball_rates = (1e-1, 1e-2, 1e-3)  # of Adam; beta1 follows
  config.ball_b2 = 0.999  # of the Adam whose second moments do move
  config.ditch = (-1.0, 0.08, 0.2)  # place, width, depth

  smoke = dict(
    seeds=4, steps=200, last=50, ball_time=3.0, ball_rates=(1e-1, 3e-2)
  )
  return variants.apply(config, variant, smoke=smoke)
