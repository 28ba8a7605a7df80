"""python check.py MODEL: asks the module what HEAR's tools ask it, and reads the files of `pengi hear` where a folder is given."""
import json, pickle, sys
from pathlib import Path

import numpy as np

sys.dont_write_bytecode = True
import pengi_hear as hear

model = hear.load_model(sys.argv[1])
for seconds in (1.07, 1.98):
    audio = np.random.default_rng(0).uniform(-0.1, 0.1, (2, int(seconds * model.sample_rate))).astype("f4")
    scene = np.asarray(hear.get_scene_embeddings(audio, model))
    assert scene.shape == (2, model.scene_embedding_size) and scene.dtype == np.float32
    embeddings, timestamps = map(np.asarray, hear.get_timestamp_embeddings(audio, model))
    assert embeddings.shape == (2, timestamps.shape[1], model.timestamp_embedding_size)
    steps = np.diff(timestamps[0])
    assert np.abs(steps - steps.mean()).max() <= 1 and steps.mean() <= 50
    assert 0 <= timestamps[0, 0] <= steps.mean() and timestamps[0, -1] <= 1000 * seconds
    assert np.allclose(np.asarray(hear.get_scene_embeddings(audio[:1], model)), scene[:1], atol=1e-5)
try:
    hear.get_scene_embeddings(audio * np.nan, model)
    raise SystemExit("NaN was embedded")
except RuntimeError as error:
    assert "E_AUDIO_NONFINITE" in str(error)

for folder in map(Path, sys.argv[2:]):  # as heareval's SplitMemmapDataset reads them
    for split in json.loads((folder / "task_metadata.json").read_text())["splits"]:
        n, size = json.loads((folder / f"{split}.embedding-dimensions.json").read_text())
        rows = np.memmap(folder / f"{split}.embeddings.npy", dtype=np.float32, mode="r", shape=(n, size))
        labels = pickle.loads((folder / f"{split}.target-labels.pkl").read_bytes())
        assert len(labels) == n and np.isfinite(rows).all()
        clips = json.loads((folder / f"{split}.json").read_text())
        files = {name: np.load(folder / split / f"{name}.embedding.npy") for name in clips}
        if all(one.ndim == 1 for one in files.values()):
            found = {one.tobytes(): clips[name] for name, one in files.items()}
            assert all(found[row.tobytes()] == label for row, label in zip(rows, labels))
print("ok")
