"""compare.py OURS THEIRS: two folders of embeddings of one task, read as heareval reads them."""
import json, pickle, sys
from pathlib import Path

import numpy as np

ours, theirs = map(Path, sys.argv[1:])
event = json.loads((theirs / "task_metadata.json").read_text())["embedding_type"] == "event"
found = {"rows": 0, "worst": 0.0, "labels": True, "clips": True}
for split in json.loads((theirs / "task_metadata.json").read_text())["splits"]:

    def rows(folder):
        shape = tuple(json.loads((folder / f"{split}.embedding-dimensions.json").read_text()))
        return np.array(np.memmap(folder / f"{split}.embeddings.npy", dtype=np.float32, mode="r", shape=shape))

    def labels(folder):
        read = pickle.loads((folder / f"{split}.target-labels.pkl").read_bytes())
        return [sorted(one) for one in read]

    def times(folder):
        read = json.loads((folder / f"{split}.filename-timestamps.json").read_text())
        return [(Path(name).name, time) for name, time in read]

    a, b = rows(ours), rows(theirs)
    found["rows"] += len(b)
    found["worst"] = float(max(found["worst"], np.abs(a - b).max() / np.abs(b).max())) if a.shape == b.shape else 1e9
    found["labels"] &= labels(ours) == labels(theirs) and (not event or times(ours) == times(theirs))
    for name in json.loads((theirs / f"{split}.json").read_text()):
        read = [np.load(folder / split / f"{name}.embedding.npy") for folder in (ours, theirs)]
        found["clips"] &= read[0].shape == read[1].shape and read[0].dtype == read[1].dtype
print(json.dumps(found))
