"""The paper's tasks without a grid: watches, the choice, charge and discharge.

The watches' definition is that of the authors' demonstration code. The others
(and those in `grids.py`) were recalled, not read; what had to be chosen is said
in each task. `delayed_mdp.py` says what all of them offer.
"""

import jax
from flax import struct
from jax import numpy as jnp

from .delayed_mdp import (
  DelayedMDP,
  EnvParams,
  EnvState,
  Outcomes,
  clock,
  one_hot,
)

# Watch repair.


@struct.dataclass
class WatchState(EnvState):
  """A watch of a brand, repaired or not, and what happened on its way."""

  brand: jax.Array
  repaired: jax.Array
  jams: jax.Array
  flats: jax.Array


@struct.dataclass
class WatchParams(EnvParams):
  """Costs and prices of the demonstration, in its order of brands."""

  max_steps_in_episode: int = 50
  repair_cost: tuple = (1.0, 4.0, 5.0, 24.5)
  repair_std: tuple = (2.0, 2.0, 2.0, 1.0)
  delivery_cost: tuple = (0.5, 2.5, 4.5, 18.0)
  delivery_std: tuple = (1.5, 1.5, 1.5, 1.5)
  price: tuple = (18.0, 28.0, 31.0, 59.0)  # at 50 steps
  jam_probability: float = 0.1
  jam_cost: float = 0.1
  flat_probability: float = 0.05
  flat_cost: float = 7.0


class WatchRepair(DelayedMDP):
  """Watch repair: is a watch of this brand worth it? (demonstration code)

  At time 0 action 0 repairs and 1 declines; other actions do nothing. A repair
  is paid at once, and after a transport of `delay` steps comes the price, less
  delivery and what every jam and every flat tyre on the way has cost. Costs of
  repair and delivery are normal, with the numbers that NumPy took as standard
  deviations. Expected profits -1.5, 3.5, 3.5, -1.5.

  Ours: other delays than 50. The price then rises by what a longer way costs on
  average, so that the profits stay. A table counts jams and flats up to six
  standard deviations above their mean.

  Observation: repaired, jams, flats, brand (4), time.
  """

  actions = 2
  features = 8
  noisy = True
  acting_steps = 1

  def __init__(self, max_delay: int = 50, **numbers):
    super().__init__(max_delay, **numbers)
    self.max_steps = max_delay
    usual = self.default_params
    most = lambda p: int(max_delay * p + 6 * (max_delay * p) ** 0.5) + 2
    self.counts = (most(usual.jam_probability), most(usual.flat_probability))
    self.states_per_time = 8 * self.counts[0] * self.counts[1]

  @property
  def default_params(self) -> WatchParams:
    """The demonstration's."""
    return WatchParams().replace(**self.numbers)

  def params_of_delay(self, delay) -> WatchParams:
    """A transport of `delay` steps."""
    return WatchParams(max_steps_in_episode=delay).replace(**self.numbers)

  def start_rows(self, params):
    """Brands are equally likely."""
    del params
    return jnp.arange(4) * (self.states_per_time // 4)

  def outcomes(self, state, action, params):
    """Jam and flat, independently."""
    first = state.time == 0
    last = state.time + 1 >= params.max_steps_in_episode
    repaired = jnp.where(first, action == 0, state.repaired)
    jam, flat = jnp.array([0, 1, 0, 1]), jnp.array([0, 0, 1, 1])
    jam_p, flat_p = params.jam_probability, params.flat_probability
    probability = jnp.where(jam == 1, jam_p, 1 - jam_p) * jnp.where(
      flat == 1, flat_p, 1 - flat_p
    )
    of_brand = lambda values: jnp.asarray(values)[state.brand]
    step_cost = jam_p * params.jam_cost + flat_p * params.flat_cost
    extra = (params.max_steps_in_episode - 50) * step_cost
    sale = of_brand(params.price) + extra - of_brand(params.delivery_cost)
    way = -jam * params.jam_cost - flat * params.flat_cost
    paying = first & repaired.astype(bool)
    arriving = last & repaired.astype(bool)
    return Outcomes(
      probability,
      WatchState(
        time=jnp.full(4, state.time + 1),
        owed=jnp.full(4, state.owed),
        brand=jnp.full(4, state.brand),
        repaired=jnp.full(4, repaired.astype(jnp.int32)),
        jams=state.jams + jam,
        flats=state.flats + flat,
      ),
      now=jnp.full(4, -jnp.where(paying, of_brand(params.repair_cost), 0.0)),
      later=jnp.where(repaired, way, 0.0) + jnp.where(arriving, sale, 0.0),
      now_std=jnp.where(paying, of_brand(params.repair_std), 0.0),
      later_std=jnp.where(arriving, of_brand(params.delivery_std), 0.0),
    )

  def index_in_time(self, state, params):
    """Brand, repaired, jams, flats."""
    del params
    jams = jnp.minimum(state.jams, self.counts[0] - 1)
    flats = jnp.minimum(state.flats, self.counts[1] - 1)
    row = (state.brand * 2 + state.repaired) * self.counts[0] + jams
    return row * self.counts[1] + flats

  def state_at(self, index, params):
    """The state of a row."""
    del params
    time, row = jnp.divmod(index, self.states_per_time)
    row, flats = jnp.divmod(row, self.counts[1])
    row, jams = jnp.divmod(row, self.counts[0])
    brand, repaired = jnp.divmod(row, 2)
    return WatchState(time, jnp.float32(0), brand, repaired, jams, flats)

  def get_obs(self, state, params=None, key=None):
    """See the class."""
    del key
    counted = jnp.stack([state.repaired, state.jams, state.flats])
    brand = one_hot(state.brand, 4)

    return jnp.concatenate(
      [counted.astype(jnp.float32), brand, clock(state, params)]
    )


# The choice.


@struct.dataclass
class ChoiceState(EnvState):
  """`choice`: 0 before it is made, then 1 + action."""

  choice: jax.Array
  good: jax.Array
  bad: jax.Array


@struct.dataclass
class ChoiceParams(EnvParams):
  """All numbers are ours."""

  max_steps_in_episode: int = 101
  at_once: tuple = (1.0, 0.0)
  at_end: tuple = (5.0, 10.0)
  luck: float = 10.0  # of one event


class Choice(DelayedMDP):
  """Task II: one choice, then a long way whose luck hides what it did.

  Action 0 pays 1 at once and 5 at the end, action 1 only 10 at the end. Each of
  the `delay` steps in between adds a good or a bad event, +10 or -10,
  whatever one does, and all of it is paid at the end: its variance grows with
  the delay.

  All but this idea is ours. Tables know the choice and the time, not the
  events, of which RUDDER sees the counts, as those of the watches' jams.

  Observation: choice (2), good and bad events, time.
  """

  actions = 2
  features = 5
  states_per_time = 3
  acting_steps = 1

  def __init__(self, max_delay: int = 500, **numbers):
    super().__init__(max_delay, **numbers)
    self.max_steps = max_delay + 1

  @property
  def default_params(self) -> ChoiceParams:
    """A delay of 100."""
    return ChoiceParams().replace(**self.numbers)

  def params_of_delay(self, delay) -> ChoiceParams:
    """`delay` steps after the choice."""
    return ChoiceParams(max_steps_in_episode=delay + 1).replace(**self.numbers)

  def outcomes(self, state, action, params):
    """A good or a bad event; none with the choice itself."""
    first = state.time == 0
    events = jnp.where(first, 0, jnp.array([1, -1]))
    at_once = jnp.asarray(params.at_once)[action]
    at_end = jnp.asarray(params.at_end)[action]
    return Outcomes(
      jnp.array([0.5, 0.5]),
      ChoiceState(
        time=jnp.full(2, state.time + 1),
        owed=jnp.full(2, state.owed),
        choice=jnp.full(2, jnp.where(first, 1 + action, state.choice)),
        good=state.good + (events > 0),
        bad=state.bad + (events < 0),
      ),
      now=jnp.full(2, jnp.where(first, at_once, 0.0)),
      later=events * params.luck + jnp.where(first, at_end, 0.0),
    )

  def index_in_time(self, state, params):
    """The choice."""
    del params
    return state.choice

  def state_at(self, index, params):
    """A state of a row, without events."""
    del params
    time, choice = jnp.divmod(index, 3)
    none = jnp.zeros_like(choice)
    return ChoiceState(time, jnp.float32(0), choice, none, none)

  def get_obs(self, state, params=None, key=None):
    """See the class."""
    del key
    choice = one_hot(state.choice - 1, 2)
    events = jnp.stack([state.good, state.bad]).astype(jnp.float32)
    return jnp.concatenate([choice, events, clock(state, params)])


# Charge and discharge.


@struct.dataclass
class ChargeState(EnvState):
  """Charged or not, and how often 10 was earned."""

  charged: jax.Array
  count: jax.Array


@struct.dataclass
class ChargeParams(EnvParams):
  """The paper's, as recalled."""

  max_steps_in_episode: int = 11
  discharging: float = 10.0  # what a charged battery gives, paid at the end
  empty: float = 1.0  # what an empty one gives, paid at once


class ChargeDischarge(DelayedMDP):
  """Task IV: charging earns nothing and must be done for the tens to come.

  Action 0 charges, action 1 discharges; the battery is empty at first. For
  discharging an empty one 1 is paid at once, for a charged one 10 is owed. T is
  the delay, and actions are taken at 0, ..., T: T + 1 steps. Ours: the count of
  tens is part of the state, without which the last reward is not Markov.

  Observation: charged, count, time.
  """

  actions = 2
  features = 3

  def __init__(self, max_delay: int = 13, **numbers):
    super().__init__(max_delay, **numbers)
    self.max_steps = max_delay + 1
    self.counts = self.max_steps // 2 + 1
    self.states_per_time = 2 * self.counts

  @property
  def default_params(self) -> ChargeParams:
    """T = 10."""
    return ChargeParams().replace(**self.numbers)

  def params_of_delay(self, delay) -> ChargeParams:
    """T = delay."""
    return ChargeParams(max_steps_in_episode=delay + 1).replace(**self.numbers)

  def outcomes(self, state, action, params):
    """One: charging charges, discharging discharges."""
    full = (action == 1) & (state.charged == 1)
    empty = (action == 1) & (state.charged == 0)
    return Outcomes(
      jnp.ones(1),
      ChargeState(
        time=(state.time + 1)[None],
        owed=state.owed[None],
        charged=jnp.where(action == 0, 1, 0)[None],
        count=(state.count + full)[None],
      ),
      now=jnp.where(empty, params.empty, 0.0)[None],
      later=jnp.where(full, params.discharging, 0.0)[None],
    )

  def index_in_time(self, state, params):
    """Count, charged."""
    del params
    return jnp.minimum(state.count, self.counts - 1) * 2 + state.charged

  def state_at(self, index, params):
    """The state of a row."""
    time, row = jnp.divmod(index, self.states_per_time)
    count, charged = jnp.divmod(row, 2)
    return ChargeState(time, params.discharging * count, charged, count)

  def get_obs(self, state, params=None, key=None):
    """See the class."""
    del key
    known = jnp.stack([state.charged, state.count]).astype(jnp.float32)
    return jnp.concatenate([known, clock(state, params)])
