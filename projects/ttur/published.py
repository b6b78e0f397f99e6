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
