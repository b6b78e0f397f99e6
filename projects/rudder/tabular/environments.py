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
  one_hot,
  outcomes_of,
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

  State, Params = WatchState, WatchParams
  labels = ("repaired", "traffic jams", "flat tyres")
  labels += tuple(f"brand {i}" for i in range(4))
  noisy = True
  acting_steps = 1

  def __init__(self, max_delay: int, **numbers):
    super().__init__(max_delay, **numbers)
    usual = self.default_params
    most = lambda p: int(max_delay * p + 6 * (max_delay * p) ** 0.5) + 2
    jams, flats = most(usual.jam_probability), most(usual.flat_probability)
    places = ("brand", 4), ("repaired", 2), ("jams", jams), ("flats", flats)
    self.places = places

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
    return outcomes_of(
      state,
      probability,
      -jnp.where(paying, of_brand(params.repair_cost), 0.0),
      jnp.where(repaired, way, 0.0) + jnp.where(arriving, sale, 0.0),
      jnp.where(paying, of_brand(params.repair_std), 0.0),
      jnp.where(arriving, of_brand(params.delivery_std), 0.0),
      repaired=repaired.astype(jnp.int32),
      jams=state.jams + jam,
      flats=state.flats + flat,
    )

  def owed(self, state, params):
    """What the way of a repaired watch has cost."""
    way = state.jams * params.jam_cost + state.flats * params.flat_cost
    return -state.repaired * way

  def seen(self, state):
    """See the class."""
    counted = jnp.stack([state.repaired, state.jams, state.flats])
    return counted.astype(jnp.float32), one_hot(state.brand, 4)


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
  reward_noise: float = 10.0  # of one event


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

  State, Params = ChoiceState, ChoiceParams
  places = (("choice", 3),)
  labels = ("choice 0", "choice 1", "good events", "bad events")
  acting_steps = 1

  def steps_of(self, delay):
    """`delay` steps after the choice."""
    return delay + 1

  def outcomes(self, state, action, params):
    """A good or a bad event; none with the choice itself."""
    first = state.time == 0
    events = jnp.where(first, 0, jnp.array([1, -1]))
    at_once = jnp.asarray(params.at_once)[action]
    at_end = jnp.asarray(params.at_end)[action]
    return outcomes_of(
      state,
      jnp.array([0.5, 0.5]),
      jnp.where(first, at_once, 0.0),
      events * params.reward_noise + jnp.where(first, at_end, 0.0),
      choice=jnp.where(first, 1 + action, state.choice),
      good=state.good + (events > 0),
      bad=state.bad + (events < 0),
    )

  def owed(self, state, params):
    """What the choice pays at the end; of the events 0 is expected."""
    at_end = jnp.asarray(params.at_end)[state.choice - 1]
    return jnp.where(state.choice > 0, at_end, 0.0)

  def seen(self, state):
    """See the class."""
    events = jnp.stack([state.good, state.bad]).astype(jnp.float32)
    return one_hot(state.choice - 1, 2), events


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

  State, Params = ChargeState, ChargeParams
  labels = ("charged", "tens earned")

  def __init__(self, max_delay: int, **numbers):
    super().__init__(max_delay, **numbers)
    self.places = ("count", self.max_steps // 2 + 1), ("charged", 2)

  def steps_of(self, delay):
    """Actions are taken at 0, ..., T."""
    return delay + 1

  def outcomes(self, state, action, params):
    """One: charging charges, discharging discharges."""
    full = (action == 1) & (state.charged == 1)
    empty = (action == 1) & (state.charged == 0)
    return outcomes_of(
      state,
      jnp.ones(1),
      jnp.where(empty, params.empty, 0.0),
      jnp.where(full, params.discharging, 0.0),
      charged=jnp.where(action == 0, 1, 0),
      count=state.count + full,
    )

  def owed(self, state, params):
    """The tens."""
    return params.discharging * state.count

  def seen(self, state):
    """See the class."""
    return (jnp.stack([state.charged, state.count]).astype(jnp.float32),)
