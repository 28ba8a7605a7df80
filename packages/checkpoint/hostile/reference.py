"""What PyTorch and safetensors do with files; run by differential.ts and roundtrip.ts.

reference.py check LIST     LIST is JSON: [{"path", "root"}]; prints JSON lines {"path", "refused" | "tensors"}
reference.py resave LIST    LIST is JSON: [path]; loads safetensors files and writes each anew, PATH.theirs.safetensors by safetensors and
                            PATH.theirs.pth by torch.save, and its float32 tensors rounded, PATH.f16.safetensors and PATH.bf16.safetensors;
                            prints the lines of PATH
reference.py make FOLDER    writes checkpoints with what torch.save and safetensors can, prints the same lines of them
"""

import collections
import hashlib
import json
import sys
import warnings

import safetensors.numpy
import safetensors.torch
import torch

warnings.simplefilter("ignore")

DTYPES = {
    torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16",
    torch.int64: "I64", torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8",
    torch.uint16: "U16", torch.uint32: "U32", torch.uint64: "U64", torch.bool: "BOOL", torch.complex64: "C64",
    torch.float8_e4m3fn: "F8_E4M3", torch.float8_e5m2: "F8_E5M2", torch.float8_e4m3fnuz: "F8_E4M3FNUZ",
    torch.float8_e5m2fnuz: "F8_E5M2FNUZ", torch.float8_e8m0fnu: "F8_E8M0",
}


def digest(tensor):
    flat = tensor.detach().resolve_conj().resolve_neg().contiguous().reshape(-1)
    data = flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""
    shape = ",".join(map(str, tensor.shape))
    return f"{DTYPES.get(tensor.dtype, tensor.dtype)} [{shape}] {hashlib.sha256(data).hexdigest()}"


def flatten(value, name=""):
    if isinstance(value, torch.Tensor):
        yield name, digest(value)
        return
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, (list, tuple)) else ()
    for key, item in items:
        key = {None: "null"}.get(key, str(int(key)) if isinstance(key, (bool, float)) and key == int(key) else str(key))
        yield from flatten(item, f"{name}.{key}" if name else key)


def load(path):
    if path.endswith(".safetensors"):
        return safetensors.torch.load_file(path)
    return torch.load(path, map_location="cpu", weights_only=True)


def report(path, root=()):
    try:
        value = load(path)
        for key in root:
            value = value[key]
        result = {"tensors": dict(flatten(value))}
    except Exception as error:
        result = {"refused": f"{type(error).__name__}: {error}"[:200]}
    print(json.dumps({"path": path, **result}), flush=True)


def make(folder):
    torch.manual_seed(1)
    base = torch.randn(6, 8)
    tied = torch.randn(4, 3)
    parameter = torch.nn.Parameter(torch.randn(3))
    parameter.is_shared = True
    counts = collections.Counter("abca")
    layer = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3))
    optimizer = torch.optim.AdamW(layer.parameters())
    layer(torch.randn(5, 4)).sum().backward()
    optimizer.step()
    tensors = {
        "plain": base, "transposed": base.T, "column": base[:, 3], "steps": base[::2, 1::3], "expanded": base[:1].expand(5, 8),
        "empty": torch.empty(0, 3), "scalar": torch.tensor(2.5), "tied.a": tied, "tied.b": tied, "parameter": parameter,
        "complex": torch.randn(3, dtype=torch.complex64), "bool": torch.tensor([True, False]),
        **{str(d): torch.randint(0, 100, (2, 3)).to(d) for d in DTYPES if d not in (torch.bool, torch.complex64)},
    }
    values = {
        "model": tensors, "layer": layer.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3, "big": 2**80, "name": "ü",
        "none": None, "pair": (1, 2.5, "x"), "counts": counts, "bytes": b"\x00\xff", "array": bytearray(b"ab"), "set": {1, 2}, "size": base.shape,
        "device": torch.device("cuda:1"), "dtype": torch.float16, "complex": 1 + 2j, "layout": torch.strided,
    }
    simple = {k: v.contiguous() for k, v in tensors.items() if k not in ("tied.b", "parameter")}
    files = {
        "zip.pth": (values, {}),
        "legacy.pth": ({**values, "model": {k: v for k, v in tensors.items() if "uint8" in k or not ("float8" in k or "uint" in k)}}, {"_use_new_zipfile_serialization": False}),
        "state.bin": (layer.state_dict(), {}),
        "protocol3.pth": ({"model": tensors}, {"pickle_protocol": 3}),
        "list.pth": ({"ema": [tensors, (base,)]}, {}),
    }
    for name, (value, options) in files.items():
        torch.save(value, f"{folder}/{name}", **options)
    torch.serialization.set_crc32_options(False)
    torch.save(values, f"{folder}/no-checksums.pth")
    for name in [*files, "no-checksums.pth"]:
        report(f"{folder}/{name}", ["model"] if "model" in load(f"{folder}/{name}") else [])
    safetensors.torch.save_file(simple, f"{folder}/all.safetensors", {"format": "pt"})
    report(f"{folder}/all.safetensors")


def resave(path):
    report(path)
    tensors = load(path)
    through_numpy = {k: v for k, v in safetensors.numpy.load_file(path).items()} if "bf16" not in path else {}
    for name, array in through_numpy.items():
        assert array.tobytes() == tensors[name].contiguous().reshape(-1).view(torch.uint8).numpy().tobytes(), f"{path}: {name}"
    safetensors.torch.save_file(tensors, f"{path}.theirs.safetensors")
    # clones: torch.save refuses empty tensors of several types at one address
    torch.save({k: v.clone() for k, v in tensors.items()}, f"{path}.theirs.pth")
    floats = {k: v for k, v in tensors.items() if v.dtype == torch.float32}
    for name, dtype in (("f16", torch.float16), ("bf16", torch.bfloat16)):
        safetensors.torch.save_file({k: v.to(dtype) for k, v in floats.items()}, f"{path}.{name}.safetensors")


if sys.argv[1] == "make":
    make(sys.argv[2])
elif sys.argv[1] == "resave":
    for entry in json.load(open(sys.argv[2])):
        resave(entry)
else:
    for entry in json.load(open(sys.argv[2])):
        report(entry["path"], entry["root"])
