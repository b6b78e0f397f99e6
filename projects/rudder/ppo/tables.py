"""The table of PPO's curves, with and without RUDDER.

    python -m projects.rudder.reproduce --table=ppo

`--only=acrobot` computes the cells of one task, and shows of the others what is
there.
"""

from common.errors import check_names
from common.tables import reproduce


def ppo(context: reproduce.Context) -> str:
  """Curves of `learning_curves.py`; returns the table and draws them."""
  from . import learning_curves, result_curves  # Other tables do without.

  only = context.arguments.only
  check_names("--only", [only] * bool(only), list(learning_curves.TASKS))
  found = learning_curves.all_curves(context, only)
  result_curves.figure(context.out / "ppo.png", found)
  return result_curves.table(found)


TABLES = {"ppo": ppo}
