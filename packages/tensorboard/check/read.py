"""Reads event folders with TensorBoard's own reader and prints what it finds as JSON: for main.ts of this folder."""
import io
import json
import sys
import wave

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util import tensor_util

EVERYTHING = {"scalars": 0, "images": 0, "audio": 0, "tensors": 0, "compressedHistograms": 0, "histograms": 0}


def read(folder):
    events = EventAccumulator(folder, size_guidance=EVERYTHING)
    events.Reload()
    tags = events.Tags()
    found = {"scalars": {}, "texts": {}, "images": {}, "sounds": {}}
    # The reader turns everything into tensors; the plugin's name says what a tag was.
    for tag in tags["tensors"]:
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
                with wave.open(io.BytesIO(values[0][0])) as sound:
                    found["sounds"].setdefault(tag, []).append([event.step, sound.getframerate(), sound.getnframes()])
    for tag in tags["scalars"]:
        found["scalars"][tag] = [[event.step, repr(event.value)] for event in events.Scalars(tag)]
    for tag in tags["images"]:
        found["images"][tag] = [
            [event.step, event.width, event.height, event.encoded_image_string.hex()] for event in events.Images(tag)
        ]
    for tag in tags["audio"]:
        for event in events.Audio(tag):
            with wave.open(io.BytesIO(event.encoded_audio_string)) as sound:
                found["sounds"].setdefault(tag, []).append([event.step, sound.getframerate(), sound.getnframes()])
    return found


print(json.dumps([read(folder) for folder in json.load(sys.stdin)]))
