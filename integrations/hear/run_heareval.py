"""Runs heareval 2021.1.3 where its own pins (Python 3.7 or 3.8, NumPy 1.19, TensorFlow) cannot be installed:

    pip install "pytorch-lightning<2" torch scikit-learn pandas sed_eval dcase_util intervaltree more-itertools python-slugify \
        soundfile torchinfo tqdm click pynvml "setuptools<81"
    pip install --no-deps heareval==2021.1.3
    python run_heareval.py embeddings.runner pengi_hear --model pengi-base --tasks-dir hear/tasks
    python run_heareval.py predictions.runner embeddings/pengi_hear/*

What the kit computes is left alone: names that newer packages have dropped are put back, and TensorFlow, which it imports even for
a model in PyTorch, is replaced by an empty module where it is missing.
"""
import importlib.util, os, runpy, sys, types

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # pengi_hear
os.environ.setdefault("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")  # its own checkpoints hold functions
sys.dont_write_bytecode = True

if importlib.util.find_spec("tensorflow") is None:
    stand_in = types.ModuleType("tensorflow")
    stand_in.__spec__ = importlib.util.spec_from_loader("tensorflow", loader=None)
    stand_in.Module = type("Module", (), {})  # no model is one
    sys.modules["tensorflow"] = stand_in

import numpy as np
import pytorch_lightning as pl

for name, now in {"float": float, "int": int, "bool": bool, "object": object, "str": str}.items():
    if name not in np.__dict__:
        setattr(np, name, now)

# heareval sets the epoch whose postprocessing is tested on the fit loop, where lightning from 1.5 on does not look for it
own_epoch = pl.Trainer.current_epoch.fget
pl.Trainer.current_epoch = property(lambda self: self.fit_loop.__dict__.get("current_epoch", own_epoch(self)))

sys.argv[0:2] = [f"heareval.{sys.argv[1]}"]
runpy.run_module(sys.argv[0], run_name="__main__")
