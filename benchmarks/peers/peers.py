"""The peers of `pnpm bench:peers`: reads one command per line from stdin, writes one JSON answer per line to stdout.

Commands: {"setup": id, ...} prepares a piece of work and gives what it computes (for comparison), {"run": id} does it once and
gives {"ms": wall time}. The weights are the same as ours: a model folder in Pengi's own names.
One file, since each piece of work is a method of one class that owns the models.
"""
import json
import os
import resource
import sys
import time
import types

import numpy as np
import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))


def versions():
    import librosa
    import torchlibrosa
    import transformers

    found = {"python": sys.version.split()[0], "torch": torch.__version__, "transformers": transformers.__version__}
    found["librosa"] = librosa.__version__
    found["numpy"] = np.__version__
    try:
        from importlib.metadata import version

        for name in ("msclap", "torchlibrosa", "pycocoevalcap"):
            found[name] = version(name)
    except Exception:
        pass
    return found


def msclap_module(name):
    """A module of msclap without its package, which loads the wrapper and with it torchaudio."""
    import importlib.util

    if "msclap" not in sys.modules:
        package = importlib.util.find_spec("msclap").submodule_search_locations[0]
        for parent in ("msclap", "msclap.models"):
            module = types.ModuleType(parent)
            module.__path__ = [os.path.join(package, *parent.split(".")[1:])]
            sys.modules[parent] = module
    return importlib.import_module(name)


class Weights:
    def __init__(self, folder):
        from safetensors.torch import load_file

        self.tensors = load_file(os.path.join(folder, "model.safetensors"))

    def under(self, prefix):
        return {k[len(prefix):]: v for k, v in self.tensors.items() if k.startswith(prefix)}


def load(module, state):
    missing, unexpected = module.load_state_dict(state, strict=False)
    learned = {name for name, _ in module.named_parameters()}
    missing = [name for name in missing if name in learned]
    if missing or unexpected:
        raise RuntimeError(f"weights do not fit: missing {missing[:5]}, unexpected {unexpected[:5]}")
    return module.eval()


def make_htsat(weights):
    htsat = msclap_module("msclap.models.htsat")
    model = htsat.HTSATWrapper(44100, 1024, 320, 64, 50, 14000, 527, 768).htsat
    state = weights.under("audio_encoder.base.htsat.")
    own = model.state_dict()
    # What our files do not hold: kernels of the STFT, index tables, masks, and heads without use.
    for name, value in own.items():
        state.setdefault(name, value)
    return load(model, state)


def make_projection(weights, prefix, inputs, outputs):
    clap = msclap_module("msclap.models.clap")
    return load(clap.Projection(inputs, outputs), weights.under(prefix))


def make_gpt2(weights):
    from transformers import GPT2Config, GPT2LMHeadModel

    model = GPT2LMHeadModel(GPT2Config(attn_implementation=os.environ.get("PEER_ATTENTION", "sdpa")))
    state = weights.under("caption_decoder.gpt.")
    state["lm_head.weight"] = state["transformer.wte.weight"]
    return load(model, state)


def make_clip_text(weights):
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection

    config = CLIPTextConfig(hidden_size=512, intermediate_size=2048, num_hidden_layers=12, num_attention_heads=8, projection_dim=512, eos_token_id=49407)
    model = CLIPTextModelWithProjection(config)
    state = {f"text_model.{k}": v for k, v in weights.under("caption_encoder.base.").items()}
    state["text_projection.weight"] = weights.tensors["caption_encoder.clip_text_projection.weight"]
    return load(model, state)


def make_mapper(weights, prefix):
    mapper = msclap_module("msclap.models.mapper")
    return load(mapper.TransformerMapper(1024, 768, 40, 40, 4), weights.under(prefix))


class Pengi(torch.nn.Module):
    """Pengi base of msclap's and transformers' modules, with the reference's wrapper behaviour."""

    def __init__(self, folder):
        super().__init__()
        weights = Weights(folder)
        self.htsat = make_htsat(weights)
        self.audio_projection = make_projection(weights, "audio_encoder.projection.", 768, 1024)
        self.clip = make_clip_text(weights)
        self.text_projection = make_projection(weights, "caption_encoder.projection.", 512, 1024)
        self.audio_map = make_mapper(weights, "caption_decoder.audio_project.")
        self.text_map = make_mapper(weights, "caption_decoder.text_project.")
        self.gpt = make_gpt2(weights)

    def prefix(self, wave, ids):
        audio = self.audio_projection(self.htsat(wave)["latent_output"])
        audio = audio / audio.norm(2, -1, keepdim=True)
        text = self.text_projection(self.clip(input_ids=ids, attention_mask=torch.ones_like(ids)).text_embeds)
        return torch.cat((self.audio_map(audio), self.text_map(text)), dim=1)


class Tokens:
    """A tokenizer for the search alone: it compares token numbers, so texts are lists of them."""

    def __init__(self, stop):
        self.stop = stop

    def encode(self, _text):
        return [self.stop]

    def decode(self, ids):
        return " ".join(str(i) for i in ids)


def beam_search(gpt, prefix, beams, tokens, stop):
    """msclap's own search, on our prefix: its method with the parts of the wrapper that it uses."""
    source = msclap_module("msclap.CLAPWrapper") if "torchaudio" in sys.modules else search_module()
    holder = types.SimpleNamespace(gpt=gpt, eval=gpt.eval, parameters=gpt.parameters)
    wrapper = types.SimpleNamespace(clapcap=holder, tokenizer=Tokens(stop))
    return source.CLAPWrapper._generate_beam(wrapper, beam_size=beams, embed=prefix, entry_length=tokens)


def search_module():
    """msclap's wrapper module; it imports torchaudio at its top, which the search does not use."""
    for name in ("torchaudio", "torchaudio.transforms"):
        sys.modules.setdefault(name, types.ModuleType(name))
    sys.modules["torchaudio"].transforms = sys.modules["torchaudio.transforms"]
    return msclap_module("msclap.CLAPWrapper")


def tensor(values, shape):
    return torch.tensor(values, dtype=torch.float32).reshape(shape)


def pattern(n, scale):
    """The same numbers as `pattern` of the other side: exact in float32."""
    i = np.arange(n, dtype=np.int64)
    return (((i * 7919) % 1009).astype(np.float32) / np.float32(1009) - np.float32(0.5)) * np.float32(scale)


class Works:
    def __init__(self, folder):
        self.folder = folder
        self.weights = Weights(folder)
        self.parts = {}

    def part(self, name, make):
        if name not in self.parts:
            self.parts[name] = make()
        return self.parts[name]

    def gpt(self):
        return self.part("gpt", lambda: make_gpt2(self.weights))

    def logmel(self):
        from torchlibrosa.stft import LogmelFilterBank, Spectrogram

        spectrogram = Spectrogram(n_fft=1024, hop_length=320, win_length=1024, window="hann", center=True, pad_mode="reflect", freeze_parameters=True)
        bank = LogmelFilterBank(sr=32000, n_fft=1024, n_mels=64, fmin=50, fmax=14000, ref=1.0, amin=1e-10, top_db=None, freeze_parameters=True)
        wave = torch.from_numpy(pattern(308700, 0.5))[None]
        return lambda: bank(spectrogram(wave))[0, 0]

    def logmel_numpy(self):
        import librosa

        bank = librosa.filters.mel(sr=32000, n_fft=1024, n_mels=64, fmin=50, fmax=14000)
        wave = pattern(308700, 0.5)
        window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(1024) / 1024)).astype(np.float32)

        def work():
            padded = np.pad(wave, 512, mode="reflect")
            frames = np.lib.stride_tricks.sliding_window_view(padded, 1024)[::320] * window
            power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
            return torch.from_numpy(10 * np.log10(np.maximum(power @ bank.T, 1e-10)))

        return work

    def htsat(self, batch):
        model = self.part("htsat", lambda: make_htsat(self.weights))
        model.spectrogram_extractor = torch.nn.Identity()
        model.logmel_extractor = torch.nn.Identity()
        log_mel = torch.from_numpy(pattern(batch * 965 * 64, 60.0)).reshape(batch, 1, 965, 64) - 20
        return lambda: model(log_mel)["latent_output"]

    def text16(self, ids):
        model = make_clip_text(self.weights)
        ids = torch.tensor(ids)
        mask = torch.ones_like(ids)
        return lambda: model(input_ids=ids, attention_mask=mask).text_embeds

    def prefixes(self, n):
        return torch.from_numpy(pattern(n * 80 * 768, 0.2)).reshape(n, 80, 768)

    def beam_ref(self, tokens, stop):
        gpt, prefix = self.gpt(), self.prefixes(1)
        return lambda: torch.tensor([[int(i) for i in beam_search(gpt, prefix, 5, tokens, stop)[0].split()]])

    def beam_hf(self, tokens, batch=1):
        gpt, prefixes = self.gpt(), self.prefixes(batch)
        mask = torch.ones(batch, 80, dtype=torch.long)
        options = dict(num_beams=5, max_new_tokens=tokens, min_new_tokens=tokens, do_sample=False, pad_token_id=50256)
        return lambda: gpt.generate(inputs_embeds=prefixes, attention_mask=mask, **options)

    def loglik50(self, labels):
        gpt, prefix = self.gpt(), self.prefixes(1)
        longest = max(len(label) for label in labels)
        ids = torch.tensor([label + [0] * (longest - len(label)) for label in labels])
        counts = torch.tensor([len(label) for label in labels])

        def work():
            embeds = torch.cat((prefix.expand(len(labels), -1, -1), gpt.transformer.wte(ids)), dim=1)
            logits = gpt(inputs_embeds=embeds).logits[:, 79:-1]
            found = logits.log_softmax(-1).gather(2, ids[:, :, None])[:, :, 0]
            return (found * (torch.arange(longest)[None] < counts[:, None])).sum(1)

        return work

    def caption_warm(self, wav, ids, tokens, stop):
        model = self.part("pengi", lambda: Pengi(self.folder))
        return lambda: caption(model, wav, ids, tokens, stop)

    def closed_eval(self, wav, ids, tokens, stop, labels, clips):
        """Text matching as the released wrapper is called for it: clips one by one, then cosines of texts."""
        model = self.part("pengi", lambda: Pengi(self.folder))
        labels, question = torch.tensor(labels), torch.tensor([ids])

        def embed(rows):
            return F.normalize(model.text_projection(model.clip(input_ids=rows, attention_mask=torch.ones_like(rows)).text_embeds), dim=-1)

        def work():
            known = embed(labels)
            scores = []
            for _ in range(clips):
                caption(model, wav, ids, tokens, stop)
                scores.append(embed(question) @ known.T)  # a text of any tokens takes as long
            return torch.cat(scores)

        return work

    def metrics(self, candidates, references):
        """BLEU, ROUGE-L and CIDEr of pycocoevalcap, with its tokenizer in Java."""
        import contextlib
        import io

        from pycocoevalcap.bleu.bleu import Bleu
        from pycocoevalcap.cider.cider import Cider
        from pycocoevalcap.rouge.rouge import Rouge
        from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

        def work():
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                tokenizer = PTBTokenizer()
                res = tokenizer.tokenize({i: [{"caption": c}] for i, c in enumerate(candidates)})
                gts = tokenizer.tokenize({i: [{"caption": c} for c in r] for i, r in enumerate(references)})
                scores = [*Bleu(4).compute_score(gts, res)[0], Rouge().compute_score(gts, res)[0], Cider().compute_score(gts, res)[0]]
            return torch.tensor([float(score) for score in scores])

        return work

    def clap_step(self, ids):
        """One step of contrastive pretraining, batch 8: every parameter learns; nothing is random, on either side."""
        weights = self.weights
        parts = torch.nn.ModuleList([make_htsat(weights), make_projection(weights, "audio_encoder.projection.", 768, 1024), make_clip_text(weights), make_projection(weights, "caption_encoder.projection.", 512, 1024)])
        htsat, audio_projection, clip, text_projection = parts
        htsat.spectrogram_extractor = torch.nn.Identity()
        htsat.logmel_extractor = torch.nn.Identity()
        scale = torch.nn.Parameter(torch.tensor(np.log(1 / 0.07), dtype=torch.float32))
        optimizer = torch.optim.Adam([*parts.parameters(), scale], lr=1e-4)
        log_mel = torch.from_numpy(pattern(8 * 965 * 64, 60.0)).reshape(8, 1, 965, 64) - 20
        ids = torch.tensor(ids)
        mask = torch.ones_like(ids)

        def work():
            with torch.enable_grad():
                audio = F.normalize(audio_projection(htsat(log_mel)["latent_output"]), dim=-1)
                text = F.normalize(text_projection(clip(input_ids=ids, attention_mask=mask).text_embeds), dim=-1)
                logits = scale.exp() * text @ audio.T
                target = torch.arange(8)
                loss = (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            return loss.detach()[None]

        return work

    def pengi_step(self, ids, captions):
        """One step of the second stage, batch 4: audio tower, projections and mappers learn, text tower and GPT-2 are frozen."""
        model = Pengi(self.folder)
        for part in (model.clip.text_model, model.gpt):
            part.requires_grad_(False)
        model.htsat.spectrogram_extractor = torch.nn.Identity()
        model.htsat.logmel_extractor = torch.nn.Identity()
        optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-4)
        log_mel = torch.from_numpy(pattern(4 * 965 * 64, 60.0)).reshape(4, 1, 965, 64) - 20
        ids, captions = torch.tensor(ids), torch.tensor(captions)

        def work():
            with torch.enable_grad():
                prefix = model.prefix(log_mel, ids)
                embeds = torch.cat((prefix, model.gpt.transformer.wte(captions)), dim=1)
                logits = model.gpt(inputs_embeds=embeds).logits[:, 79:-1]
                loss = F.cross_entropy(logits.reshape(-1, logits.shape[-1]), captions.flatten(), ignore_index=0)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            return loss.detach()[None]

        return work


def caption(model, wav, ids, tokens, stop):
    import soundfile

    samples, rate = soundfile.read(wav, dtype="float32")
    assert rate == 44100 and samples.ndim == 1
    length = 7 * rate
    wave = torch.from_numpy(np.tile(samples, -(-length // len(samples)))[:length])[None]
    prefix = model.prefix(wave, torch.tensor([ids]))
    found = beam_search(model.gpt, prefix, 5, tokens, stop)[0]
    return torch.tensor([[int(i) for i in found.split()]])


def summary(value):
    flat = value.flatten().double()
    return {"shape": list(value.shape), "head": flat[:64].tolist(), "sum": flat.sum().item()}


def main():
    folder, threads = sys.argv[1], int(sys.argv[2])
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    works, ready = Works(folder), {}
    for line in sys.stdin:
        command = json.loads(line)
        try:
            with torch.no_grad():
                if "setup" in command:
                    torch.set_num_threads(command.get("threads", threads))
                    work = getattr(works, command["work"])(**command.get("arguments", {}))
                    ready[command["setup"]] = work
                    answer = summary(work())
                elif "run" in command:
                    torch.set_num_threads(command.get("threads", threads))
                    start = time.perf_counter()
                    ready[command["run"]]()
                    answer = {"ms": 1000 * (time.perf_counter() - start)}
                elif "drop" in command:
                    ready.pop(command["drop"], None)
                    works.parts.clear()
                    answer = {}
                else:
                    answer = versions()
        except Exception as error:  # told to the other side, which names the work
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


def cold(folder, threads, wav, ids, tokens, stop):
    """A whole process: load, caption once. Prints the tokens and the peak memory."""
    torch.set_num_threads(threads)
    with torch.no_grad():
        found = caption(Pengi(folder), wav, ids, tokens, stop)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"ids": found.flatten().tolist(), "peakMiB": peak}), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "cold":
        arguments = json.loads(sys.argv[2])
        cold(**arguments)
    else:
        main()
