"""Named random keys: a stream is an address, not a position in a chain.

Keys are derived by folding in a name or a step, never by splitting along the
way: a new consumer cannot shift another stream, and a resumed run needs no key
history.
"""

import zlib

import jax


def named(key: jax.Array, name: str) -> jax.Array:
  """Returns the key of the stream `name` under `key` (a typed key)."""
  return jax.random.fold_in(key, zlib.crc32(name.encode()))
