"""Exported parts in another runtime: the checker's opinion, and the numbers of a chain of all parts. One JSON line per check."""

import json
import sys
from pathlib import Path

import numpy
import onnx
import onnxruntime

folder = Path(sys.argv[1])
PARTS = ["htsat", "clap-audio", "clap-text", "prefix", "gpt2-prefill", "gpt2-step"]
worst = {}


def load(name):
    return numpy.load(folder / f"{name}.npy")


def compare(name, found, expected):
    assert found.shape == expected.shape, f"{name}: {found.shape}, expected {expected.shape}"
    assert numpy.isfinite(found).all(), f"{name}: not finite"
    size = max(1e-3, float(numpy.abs(expected).max()))
    worst[name] = max(worst.get(name, 0.0), float(numpy.abs(found - expected).max()) / size)


def log_softmax(x):
    shifted = x - x.max(-1, keepdims=True)
    return shifted - numpy.log(numpy.exp(shifted).sum(-1, keepdims=True))


def open_part(part):
    path = folder / f"{part}.onnx"
    if not path.exists():
        return None
    onnx.checker.check_model(str(path), full_check=True)
    model = onnx.load(str(path), load_external_data=False)
    domains = {entry.domain for entry in model.opset_import} | {node.domain for node in model.graph.node}
    assert domains == {""}, f"{part}: operators of {domains}"
    session = onnxruntime.InferenceSession(str(path))
    return lambda feeds: dict(zip([o.name for o in session.get_outputs()], session.run(None, feeds)))


def check(parts, rows):
    """The chain for the first `rows` clips."""
    log_mel, audio = load("log_mel")[:rows], load("embedding")[:rows]
    for name, found in parts["htsat"]({"log_mel": log_mel}).items():
        compare(f"htsat {name}", found, load(name)[:rows])
    compare("clap-audio", parts["clap-audio"]({"log_mel": log_mel})["embedding"], audio)
    if parts["clap-text"]:
        found = parts["clap-text"]({"ids": load("text_ids")[:rows]})["embedding"]
        compare("clap-text", found, load("text_embedding")[:rows])
    prefix = parts["prefix"]({"audio_embedding": audio, "prompt_ids": load("prompt_ids")[:rows]})["prefix"]
    compare("prefix", prefix, load("prefix")[:rows])

    # The prefix is the beginning of what the graph reads; the rest is padding that must not count.
    length = prefix.shape[1]
    padding = numpy.full((rows, 8, prefix.shape[2]), 3, numpy.float32)
    last = numpy.full(rows, length - 1, numpy.int32)
    out = parts["gpt2-prefill"]({"embeddings": numpy.concatenate([prefix, padding], 1), "last": last})
    tokens, log_probs = load("tokens")[:rows], load("log_probs")[:rows]  # [rows, n], [rows, n, V]
    compare("gpt2-prefill", log_softmax(out["logits"]), log_probs[:, 0])
    layers = sum(name.endswith(".key") for name in out)
    past = {f"past.{name.split('.', 1)[1]}": out[name] for name in out if name.startswith("present")}
    mask = numpy.ones((rows, length + 8), numpy.int32)
    mask[:, length:] = 0
    for n in range(tokens.shape[1]):
        assert (log_probs[:, n].argmax(-1) == tokens[:, n]).all()
        if n + 1 == tokens.shape[1]:
            break
        positions = numpy.full(rows, length + n, numpy.int32)
        out = parts["gpt2-step"]({"tokens": tokens[:, n], "positions": positions, "past_mask": mask, **past})
        compare("gpt2-step", log_softmax(out["logits"]), log_probs[:, n + 1])
        assert (out["logits"].argmax(-1) == tokens[:, n + 1]).all(), "gpt2-step: another token"
        for layer in range(layers):
            for kind in ["key", "value"]:
                key = f"past.{layer}.{kind}"
                past[key] = numpy.concatenate([past[key], out[f"present.{layer}.{kind}"]], 2)
        mask = numpy.concatenate([mask, numpy.ones((rows, 1), numpy.int32)], 1)


parts = {part: open_part(part) for part in PARTS}
for rows in range(1, load("log_mel").shape[0] + 1):
    check(parts, rows)
versions = {module.__name__: module.__version__ for module in (onnx, onnxruntime, numpy)}
print(json.dumps({"versions": versions, "worst": worst}))
