"""HEAR's API over Pengi's audio encoder: `heareval` and `hear-validator` take this module by its name, `pengi_hear`.

The encoder runs in a process of the `pengi` command (PENGI_COMMAND names another) and is asked over lines of JSON.
"""
import base64, json, os, shlex, subprocess
import numpy as np

try:  # heareval wants a torch module, and gives and takes tensors
    import torch
    Base, to_output = torch.nn.Module, lambda x: torch.from_numpy(x.copy())
except ImportError:
    Base, to_output = object, lambda x: x


class PengiEncoder(Base):
    def __init__(self, model_file_path="", embedding="latent", long="mean"):
        super().__init__()
        command = shlex.split(os.environ.get("PENGI_COMMAND", "pengi")) + ["embed", "--serve"]
        command += ["--embedding", embedding, "--long", long]
        command += ["--model", model_file_path] if model_file_path else []
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        about = self._read()
        self.sample_rate, self.scene_embedding_size = about["sampleRate"], about["sceneEmbeddingSize"]
        self.timestamp_embedding_size = about["timestampEmbeddingSize"]

    def _read(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"pengi ended with status {self.process.wait()}; its errors are above")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError("{code}: {message}".format(**answer["error"]))
        return answer

    def ask(self, kind, audio):
        audio = audio.detach().cpu().numpy() if hasattr(audio, "detach") else audio
        audio = np.ascontiguousarray(audio, dtype="<f4")
        request = {"kind": kind, "shape": audio.shape, "audio": base64.b64encode(audio).decode()}
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        self.process.stdin.flush()
        answer = self._read()
        read = lambda x: to_output(np.frombuffer(base64.b64decode(x["data"]), "<f4").reshape(x["shape"]))
        return {name: read(answer[name]) for name in ("embeddings", "timestamps") if name in answer}


def load_model(model_file_path="", **options):
    return PengiEncoder(model_file_path, **options)


def get_scene_embeddings(audio, model):
    return model.ask("scene", audio)["embeddings"]


def get_timestamp_embeddings(audio, model):
    answer = model.ask("timestamps", audio)
    return answer["embeddings"], answer["timestamps"]
