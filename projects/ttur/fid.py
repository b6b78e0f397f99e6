"""The Fréchet inception distance of two sets of images, Eq. 6 of the paper.

    python -m projects.ttur.fid A B [--weights=FILE] [--features=squeezenet]
      [--save-stats=FILE.npz] [--batch-size=N] [--json] [--strict] ...

    from projects.ttur.fid import fid
    fid("real/", "generated.npz")["distance"]

A and B are folders of images, .npy or .npz arrays, data sets of TensorFlow
Datasets ("cifar10:test"), or saved statistics. The metric itself is
`common.metrics.fid`, which any paper may call.
"""

from common.metrics.fid import fid, main

__all__ = ["fid", "main"]

if __name__ == "__main__":
  main()
