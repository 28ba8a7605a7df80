"""Reads event folders as TensorBoard's own server does and prints what it finds as JSON: for main.ts of this folder."""
import io
import json
import sys
import wave

from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator
from tensorboard.util import tensor_util


def read(folder):
    events = EventAccumulator(folder, size_guidance={"tensors": 0})
    events.Reload()
    found = {"scalars": {}, "texts": {}, "images": {}, "sounds": {}}
    # The reader turns everything into tensors; the plugin's name says what a tag is.
    for tag in events.Tags()["tensors"]:
        plugin = events.SummaryMetadata(tag).plugin_data.plugin_name
        for event in events.Tensors(tag):
            values = tensor_util.make_ndarray(event.tensor_proto)
            if plugin == "scalars":
                found["scalars"].setdefault(tag, []).append([event.step, repr(float(values))])
            elif plugin == "text":
                found["texts"].setdefault(tag, []).append([event.step, values.reshape(-1)[0].decode()])
            elif plugin == "images":
                width, height, png = values[:3]
                found["images"].setdefault(tag, []).append([event.step, int(width), int(height), png.hex()])
            elif plugin == "audio":
                with wave.open(io.BytesIO(values.reshape(-1)[0])) as sound:
                    found["sounds"].setdefault(tag, []).append([event.step, sound.getframerate(), sound.getnframes()])
    return found


print(json.dumps([read(folder) for folder in json.load(sys.stdin)]))
