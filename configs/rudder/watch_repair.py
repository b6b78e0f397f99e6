"""Watch repair: which of four brands is worth a repair?

    python -m projects.rudder.train --workdir=runs/watch_repair \\
      --config=configs/rudder/watch_repair.py

Reproduces: the authors' demonstration code (ml-jku/rudder-demonstration-code),
which reports 1,900 to 3,800 episodes to 95% of optimal decisions for RUDDER,
from before its bug fix of May 2020. Minutes of a CPU core. The competitors are
`--config.learner=q_lambda`, `sarsa_lambda` and `monte_carlo`; the numbers of
many seeds come from `python -m projects.rudder.reproduce --table=watch`.

The demonstration's: all numbers of the task (`WatchParams`) at the delay 50,
and those marked "demo" below. The other tasks' configs derive from this one.
"""

import ml_collections

from configs import variants


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config; `smoke` runs in seconds."""
  config = ml_collections.ConfigDict()
  config.seed = 0
  config.learner = "rudder"  # or "q_lambda", "sarsa_lambda", "monte_carlo"

  config.total_steps = 400  # rounds of check_every episodes: 10,000
  config.steps_per_call = 1
  config.log_every = 1
  config.eval_every = 10
  config.eval_episodes = 100
  config.checkpoint_every = 40
  config.keep_checkpoints = 2

  config.env = "projects.rudder.tabular.environments:WatchRepair"
  config.delay = 50
  config.max_delay = 50  # what the compiled program has room for
  # Numbers of the task's parameters, `WatchParams`, that are to be others.
  config.task = ml_collections.ConfigDict()

  # The table, common to all learners.
  config.epsilon = 0.1  # demo: actions at random
  config.q_rate = 0.1  # demo
  config.q_start = 10.0  # demo: optimistic
  config.time_in_table = True
  config.trace = 0.9  # lambda of Q(lambda) and SARSA(lambda)
  config.shaping = "none"  # or "reward", "look_ahead", "look_back"
  config.potential = "value"  # or "moves", "distance": of shaping
  config.exploration = 10.0  # of the tree search, in units of reward

  # The tables.
  config.delays = (50,)
  config.seeds = 50  # trials; the paper has 100
  config.trials_at_once = 50  # of one program; what has ended is kept
  config.max_episodes = 10_000  # a trial's budget
  config.rivals_episodes = 200_000  # that of methods other than RUDDER

  # When a trial has solved its task.
  config.judged_by = "decisions"  # or "greedy": a share of the optimal return
  config.check_every = (
    25  # episodes of a round; demo: from training to training
  )
  config.solved_window = 750  # demo: last episodes that count
  config.count_window = True  # its episodes count among those that were needed
  # demo: of them are optimal. From then on nothing is learnt any more.
  config.solved_share = 0.95
  config.solved_regret = 1e-3  # an optimal episode gives no more away

  # RUDDER.
  config.q_estimate = "direct"  # or "traces", "q_lambda"
  config.kappa_trace = 0.9  # of "traces"; 0 bootstraps
  config.contribution = "differences"  # or "integrated_gradients"
  config.integration_points = 50
  config.compensate = True  # ours: the demonstration lets returns drift
  config.lstm_features = 16  # demo
  config.lstm_gates = "recurrent"  # demo; or "forward", "both"
  config.lstm_forget_gate = False  # demo
  config.lstm_output_gate = False  # demo
  config.lstm_weight_std = 0.1  # demo
  config.lstm_input_gate_bias = -3.0  # demo: its mean, with deviation 1
  config.lstm_unroll = 1
  config.lstm_learning_rate = 1e-2  # demo
  config.lstm_weight_decay = 1e-6  # demo
  config.batch_size = 8  # demo: lessons in an update of the LSTM
  config.return_scale = 10.0  # demo: the LSTM predicts returns over this
  config.auxiliary_weight = 0.5  # demo
  config.loss_start = 0.3  # demo: of the running mean of the main loss
  config.loss_rate = 0.01  # demo
  config.loss_threshold = 0.15  # demo: trained until the mean is below
  config.max_updates = 300  # of a round; the demonstration has no limit
  config.lessons = 2_048  # demo: episodes in the buffer
  config.warmup_episodes = 256  # demo: before the LSTM is trained

  return variants.apply(config, variant, smoke=smoke)


def smoke(config: ml_collections.ConfigDict) -> None:
  """Makes a config run in seconds; it solves nothing."""
  config.total_steps = 4
  config.eval_every = config.checkpoint_every = 2
  config.eval_episodes = 8
  config.delay = config.max_delay = min(config.delay, 6)
  config.delays = (3, config.max_delay)
  config.seeds = config.trials_at_once = 3
  config.max_episodes = config.rivals_episodes = 40
  config.check_every = 10
  config.solved_window = 20
  config.lstm_features = 4
  config.batch_size = 4
  config.max_updates = 5
  config.lessons = 16
  config.warmup_episodes = 8


def smoke_once(config: ml_collections.ConfigDict) -> None:
  """As `smoke`, of a task that is judged once a round."""
  smoke(config)
  config.solved_window = 1
