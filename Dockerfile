# For an NVIDIA GPU (the host needs its driver and the NVIDIA container toolkit):
#   docker build -t papers .
#   docker run --gpus all -v "$PWD/runs:/papers/runs" papers \
#     python -m projects.coulomb_gan.train --workdir=runs/grid \
#     --config=configs/coulomb_gan/gaussian_grid.py
# CUDA itself comes in JAX's wheels, so the base image is plain Python. Built
# without --build-arg JAX=..., it is for CUDA 13; "jax" alone is for the CPU.
FROM python:3.11-slim
ARG JAX="jax[cuda13]"
# RDKit draws with the first four, and LightGBM computes with the last.
RUN apt-get update && apt-get install -y --no-install-recommends \
  libx11-6 libxext6 libxrender1 libexpat1 libgomp1 \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /papers
COPY requirements.txt requirements.lock ./
RUN pip install --no-cache-dir -r requirements.txt -c requirements.lock \
  && pip install --no-cache-dir "$JAX" -c requirements.lock
COPY . .
RUN pip install --no-cache-dir --no-deps --editable .
CMD ["python", "-m", "projects"]
