"""The same command as projects.ttur.fid, by the name that other metrics have.

    python -m projects.ttur.score A B [--weights=FILE] ...

    from projects.ttur.score import score
    score("real/", "generated.npz")["distance"]

`python -m projects.ttur.fid --help` says what A and B can be.
"""

from common.metrics.fid import fid as score
from common.metrics.fid import main

__all__ = ["main", "score"]

if __name__ == "__main__":
  main()
