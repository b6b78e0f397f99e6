"""Mutants of the video models of the FVD's project."""

from tools.mutants.mutant import of

TESTS = "tests/projects/fvd/"
LAYERS = f"{TESTS}test_video_layers.py"
MODELS = f"{TESTS}test_video_models.py {TESTS}test_video_losses.py"
NETWORKS = f"{TESTS}test_video_networks.py"
PREDICTIONS = f"{TESTS}test_video_predictions.py"
TRAIN = f"{TESTS}test_video_train.py"
ROOM = "projects/fvd/models/"

MUTANTS = (
  *of(
    f"{ROOM}layers.py",
    LAYERS,
    ("jax.vmap(f)(*many)", "f(*many)"),
    ("jax.nn.sigmoid(f + 1)", "jax.nn.sigmoid(f)"),
    ("i, j, f, o = jnp.split(gates, 4)", "i, j, o, f = jnp.split(gates, 4)"),
    ("gates(jnp.concatenate([x, h]))", "gates(jnp.concatenate([h, x]))"),
    ("gates(x, z, h)", "gates(h, z, x)"),
    ("side + r - stride * i].sum(0)", "].sum(0)"),
    ("min(-(-r // stride), n)", "min(r // stride, n)"),
    ("of_x, of_z, of_h =", "of_z, of_x, of_h ="),
    ("jnp.concatenate([of_x, of_h]", "jnp.concatenate([of_h, of_x]"),
    ("new - kept.value)", "new + kept.value)"),
    ("m = x.mean(axes, keepdims=True)", "m = x.mean((1, 2), keepdims=True)"),
    (
      "positive / positive.sum((1, 2), keepdims=True)",
      "positive / positive.sum((0, 1, 2), keepdims=True)",
    ),
    (
      "      kernels.reshape(len(",
      "      kernels.swapaxes(1, 2).reshape(len(",
    ),
    ('"khwb,kchwb->chwb", masks', '"khwb,kchwb->chwb", masks[::-1]'),
    ("return kernel / (v @ matrix @ u)", "return kernel"),
    ("      kept.value = u\n", "      pass\n"),
    ("0.75 * x + 0.25 * after", "0.75 * x + 0.25 * before"),
    ("v * n / max(n - 1, 1)", "v"),
  ),
  *of(
    f"{ROOM}cdna.py",
    NETWORKS,
    (
      'layers.layer_norm("deconv_6_norm")(deconv(x, 2 * w, "deconv_6"))',
      'norm(deconv(x, 2 * w, "deconv_6"), "deconv_6_norm")',
    ),
    ('nn.relu(conv(x, w, 3, 2, "conv_1"))', 'conv(x, w, 3, 2, "conv_1")'),
    (
      'nn.relu(conv(x, 2 * w, 1, 1, "conv_3"))',
      'conv(x, 2 * w, 1, 1, "conv_3")',
    ),
    ("      kernel_init=nn.initializers.glorot_uniform(),\n", ""),
  ),
  *of(
    f"{ROOM}sv2p.py",
    NETWORKS,
    ("_LEAST_LOG_VARIANCE = -5.0", "_LEAST_LOG_VARIANCE = -4.0"),
    (
      'nn.relu(layers.Conv(1, 3, 2, name="log_variance")(x))',
      'layers.Conv(1, 3, 2, name="log_variance")(x)',
    ),
  ),
  *of(
    f"{ROOM}svp_fp.py",
    NETWORKS,
    ("_SLOPE = 0.2", "_SLOPE = 0.1"),
    ("jnp.tanh(x[:, 0, 0]).T", "x[:, 0, 0].T"),
    (
      'jnp.tanh(_dense(self.features, name="out")(x))',
      '_dense(self.features, name="out")(x)',
    ),
    ("nn.initializers.normal(0.02)", "nn.initializers.normal(0.03)"),
    ("functools.partial(nn.Dense, kernel_init=_NORMAL)", "nn.Dense"),
    ("side = 2 * hidden**-0.5", "side = hidden**-0.5"),
    ("(2, *shape), dtype).sum(0)", "shape, dtype)"),
  ),
  *of(
    f"{ROOM}savp.py",
    NETWORKS,
    ("_SLOPE = 0.2", "_SLOPE = 0.1"),
    ("_CLIP = 10.0", "_CLIP = 12.0"),
    ("truncated_normal(0.02)", "truncated_normal(0.03)"),
    ("act(heads(x), ", "act(heads(x + z[0]), "),
    ("s, m = jnp.split(act", "m, s = jnp.split(act"),
  ),
  *of(
    f"{ROOM}discriminator.py",
    NETWORKS,
    ("_SLOPE = 0.1", "_SLOPE = 0.2"),
    ("truncated_normal(0.02)", "truncated_normal(0.03)"),
  ),
  *of(
    f"{ROOM}feedback.py",
    f"{LAYERS} {MODELS}",
    ("jnp.where(true, frame, last)", "jnp.where(true, last, frame)"),
    ("return (state, made), made", "return (state, frame), made"),
    ("(order < n) |", "(order >= n) |"),
    (
      "jnp.arange(t) < context)[:, None]\n\n\ndef independent",
      "jnp.arange(t) < 0)[:, None]\n\n\ndef independent",
    ),
    ("jnp.where(share < 0.001, 0.0, share)", "share"),
  ),
  *of(
    f"{ROOM}cdna.py",
    MODELS,
    ("made[c - 1 :] - frames[c:]", "made[c:] - frames[c:-1]"),
    ("[: self.kernels - 1]", "[1:]"),
    ("jnp.stack([frame, scratch])", "jnp.stack([scratch, frame])"),
    (
      'nn.softmax(conv(e6, self.kernels + 1, 1, 1, "masks"), axis=0)',
      'nn.sigmoid(conv(e6, self.kernels + 1, 1, 1, "masks"))',
    ),
  ),
  *of(
    f"{ROOM}sv2p.py",
    MODELS,
    ("value = mse + weight * kl", "value = mse"),
    ("step < config.noise_steps", "step >= config.noise_steps"),
    ("mean + jnp.exp(0.5 * log_variance)", "mean + jnp.exp(log_variance)"),
    (
      "jnp.exp(log_variance) - 1 - log_variance",
      "jnp.exp(log_variance) - 1 + log_variance",
    ),
    (
      "divergence(mean, log_variance).sum() / b",
      "divergence(mean, log_variance).mean()",
    ),
  ),
  *of(
    f"{ROOM}svp_fp.py",
    MODELS,
    ("jnp.minimum(t - 1, context - 1)", "jnp.minimum(t - 1, context - 2)"),
    (
      "(vectors[:-1], vectors[1:], noise)",
      "(vectors[:-1], vectors[:-1], noise)",
    ),
    (
      "value = mse + config.kl_weight * kl",
      "value = mse - config.kl_weight * kl",
    ),
    ("(made - frames[1:]) ** 2", "(made - frames[:-1]) ** 2"),
    ("lambda moved: moved.mean(0)", "lambda moved: moved[0]"),
    ("skip[index] for skip", "skip[1:] for skip"),
  ),
  *of(
    f"{ROOM}savp.py",
    f"{MODELS} {TRAIN}",
    ("config.l1_weight * l1 + kl_weight * kl", "config.l1_weight * l1"),
    ("value += weight * fooled", "value -= weight * fooled"),
    ("jnp.where(given, z, prior)", "prior"),
    ("fake = judged(part, made[part])\n", "fake = judged(part, frames[1:])\n"),
    (
      'made[..., :b], "gan": made[..., b:]',
      'made[..., b:], "gan": made[..., :b]',
    ),
    ("unit_kernels(raw + middle)", "unit_kernels(raw)"),
    ('f"clip_{part}"', '"clip_vae"'),
    ("0, len(x) - n + 1)", "0, len(x) - n)"),
    ("jax.vmap(cut, (-1, 0), -1)(x, starts)", "cut(x, starts[0])"),
    ("config.kl_start, config.kl_ramp", "config.kl_ramp, config.kl_start"),
    (
      "return Model((DISCRIMINATORS, GENERATOR)",
      "return Model((GENERATOR, DISCRIMINATORS)",
    ),
  ),
  *of(
    f"{ROOM}svp_fp.py",
    PREDICTIONS,
    ("      f_states, _ = advance(f_states, vector, mean)\n", ""),
    (
      "p_state, (mean, _) = infer(p_state, after)",
      "mean = jnp.zeros((b, config.latent_dim))",
    ),
    (
      "p_state, (mean, _) = infer(p_state, after)",
      "_, (mean, _) = infer(p_state, after)",
    ),
    ("after, skips = encode(frames[t])", "after, _ = encode(frames[t])"),
    ("      vector = after\n", ""),
    ("vector, _ = encode(frame)", "vector, _ = encode(frames[-1])"),
  ),
  *of(
    f"{ROOM}savp.py",
    PREDICTIONS,
    ("jnp.concatenate([known, z])", "jnp.concatenate([known * 0, z])"),
    (
      'keys.named(key, "posterior"), mean.shape)',
      'keys.named(key, "prior"), mean.shape)',
    ),
  ),
  *of(
    f"{ROOM}sv2p.py",
    PREDICTIONS,
    (
      "z = jax.random.normal(key, (1, side, side, context.shape[0]))",
      "z = jnp.zeros((1, side, side, context.shape[0]))",
    ),
    ("made[context.shape[1] - 1 :]", "made[-steps - 1 : -1]"),
  ),
  *of(
    f"{ROOM}discriminator.py",
    f"{LAYERS}",
    (
      "jnp.mean((real - 1) ** 2) + jnp.mean(fake**2)",
      "jnp.mean((real - 1) ** 2)",
    ),
    ("return jnp.mean((fake - 1) ** 2)", "return jnp.mean(fake**2)"),
    (
      "kernel.transpose(1, 2, 0, 3, 4)",
      "kernel[::-1].transpose(1, 2, 0, 3, 4)",
    ),
  ),
  *of(
    "projects/fvd/train.py",
    TRAIN,
    ("jax.random.fold_in(state.key, state.step)", "state.key"),
    ("stats=stats,\n      )", "stats=state.stats,\n      )"),
    ("if player == maker:", "if player != maker:"),
    ("jnp.add, grads, *pull", "lambda own, _: own, grads, *pull"),
    ("model.players[-1]", "model.players[0]"),
    (
      "params={**state.params, player: own},\n        opt",
      "params=state.params,\n        opt",
    ),
  ),
  *of(
    "projects/fvd/frames.py",
    TRAIN,
    ("error.mean((2, 3, 4))", "error.mean((1, 2, 3, 4))[:, None]"),
  ),
  *of(
    "projects/fvd/predict.py",
    TRAIN,
    ("last + s * (last - before)", "last + s * (before - last)"),
    ("context[:, -1:], steps", "context[:, :1], steps"),
  ),
)
