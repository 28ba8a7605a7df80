"""seeded.py RUN_HEAREVAL ARGS...: the kit, whose tasks differ in initial weights and dropout, but not in the draw of grid points."""
import itertools, runpy, sys

import pytorch_lightning as pl
import torch

seed_everything = pl.seed_everything
seeds = itertools.count()


def seed_all_but_torch(seed, **options):
    seed_everything(seed, **options)
    torch.manual_seed(next(seeds))


pl.seed_everything = seed_all_but_torch
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
