"""Videos after StarCraft 2 Videos, made here: four scenarios and their labels.

`make.clip` and `make.videos` are the doors: pure functions of a key.
"""

from .make import SCENARIOS, SPLITS, clip, videos

__all__ = ["SCENARIOS", "SPLITS", "clip", "videos"]
