"""What the paper and its code say: the numbers that ours are put beside.

Source: Heusel et al. (2017), arXiv:1706.08500, Figure 3, with the values of the
authors' repository: CelebA, 50,000 images, FID at no, weak, medium and strong
disturbance.
"""

DISTURBANCES = {
  "gaussian noise": (0.7, 41.6, 76.3, 218.0),
  "gaussian blur": (0.7, 13.8, 73.9, 229.0),
  "black rectangles": (0.7, 123.0, 178.0, 249.0),
  "swirl": (0.7, 4.8, 15.4, 139.0),
  "salt and pepper": (0.7, 371.0, 383.0, 381.0),
  "contamination": (0.7, 33.3, 85.7, 149.0),
}

# Final distances from the saddle in the notebook of the authors' repository,
# one run a row of rates, in the order of configs/ttur/saddle.py.
SADDLE_NORMS = (0.794, 0.0102, 0.0958, 0.1425)

# Table 1: FID of TTUR and of one rate, each as (the least over all runs and all
# evaluations, which the table has; the least of the mean run, from the figures
# of the repository). BEGAN is in version 1 of the paper only.
TRAININGS: dict[str, dict[str, tuple[float | None, float | None]]] = {
  "dcgan_celeba64": {"": (12.5, 14.15), "original": (21.4, 30.8)},
  "dcgan_cifar10": {"": (36.9, 40.96), "original": (37.7, 45.3)},
  "dcgan_svhn": {"": (12.5, 14.97), "original": (21.4, 55.3)},
  "dcgan_lsun64": {"": (57.5, 64.4), "original": (70.4, 106.3)},
  "wgan_gp_cifar10": {"": (24.8, 29.5), "original": (29.3, 32.2)},
  "wgan_gp_lsun64": {"": (9.5, 13.1), "original": (20.5, 23.4)},
  "began_celeba64": {"": (25.0, 26.6), "original": (24.2, 27.0)},
  "dcgan_fashion_mnist": {"": (None, None), "original": (None, None)},
  "wgan_gp_fashion_mnist": {"": (None, None), "original": (None, None)},
  "began_fashion_mnist": {"": (None, None), "original": (None, None)},
}
