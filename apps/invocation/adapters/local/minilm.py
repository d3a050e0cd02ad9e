"""Build the ONNX graph of a BERT sentence encoder (6 layers, 12 heads) from its published weights, once a machine.

Mean pooling over the mask and scaling to length 1 are inside the graph. The operators are onnxruntime's own fused ones
(com.microsoft), which is what its optimizer makes of a plain BERT. Weights lie in a file beside the graph, mapped and not
read, so that processes share them.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from foundation.ambient import new_hex_id

if TYPE_CHECKING:
    from onnx import ModelProto, TensorProto

LAYERS, HEADS, WIDTH, EPSILON = 6, 12, 384, 1e-12
GRAPH, WEIGHTS = "all-minilm-l6-v2.onnx", "all-minilm-l6-v2.weights"
EDITION: Final = "1"  # raised when the graph changes, so that an older one is not taken for it
ALIGNMENT: Final = 4096
Tensors = Mapping[str, np.ndarray]


def graph(weights: Path, folder: Path) -> Path:
    """The graph's file under `folder`, built from the safetensors file where it is missing. Safe between processes."""
    home = folder / f"all-minilm-l6-v2-{EDITION}"
    if not (home / GRAPH).exists():
        draft = folder / f".{home.name}.{new_hex_id()}"
        draft.mkdir(parents=True, mode=0o700)
        try:
            write(model(read_safetensors(weights)), draft)
            draft.rename(home)
        except OSError:
            if not (home / GRAPH).exists():  # else another process was first
                raise
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return home / GRAPH


def read_safetensors(file: Path) -> Tensors:
    """The float tensors of a safetensors file: 8 bytes with the length of a JSON header, the header, the numbers."""
    raw = np.memmap(file, np.uint8, "r")
    start = 8 + int.from_bytes(raw[:8].tobytes(), "little")
    header = json.loads(raw[8:start].tobytes())
    return {
        name: raw[start + entry["data_offsets"][0] : start + entry["data_offsets"][1]].view(np.float32).reshape(entry["shape"])
        for name, entry in header.items()
        if entry.get("dtype") == "F32"
    }


def weights_of(tensors: Tensors) -> Iterator[tuple[str, np.ndarray]]:
    """The graph's initializers by name: matrices as they are multiplied, the one token type added to the positions."""
    yield "words", tensors["embeddings.word_embeddings.weight"]
    yield "positions", tensors["embeddings.position_embeddings.weight"] + tensors["embeddings.token_type_embeddings.weight"][0]
    yield "norm.gamma", tensors["embeddings.LayerNorm.weight"]
    yield "norm.beta", tensors["embeddings.LayerNorm.bias"]
    for layer in range(LAYERS):
        given = f"encoder.layer.{layer}"
        attention = [f"{given}.attention.self.{part}" for part in ("query", "key", "value")]
        yield f"{layer}.attention", np.concatenate([tensors[f"{name}.weight"].T for name in attention], axis=1)
        yield f"{layer}.attention.bias", np.concatenate([tensors[f"{name}.bias"] for name in attention])
        for ours, theirs in (("joined", "attention.output"), ("wide", "intermediate"), ("narrow", "output")):
            yield f"{layer}.{ours}", tensors[f"{given}.{theirs}.dense.weight"].T
            yield f"{layer}.{ours}.bias", tensors[f"{given}.{theirs}.dense.bias"]
        for ours, theirs in (("joined", "attention.output"), ("narrow", "output")):
            yield f"{layer}.{ours}.gamma", tensors[f"{given}.{theirs}.LayerNorm.weight"]
            yield f"{layer}.{ours}.beta", tensors[f"{given}.{theirs}.LayerNorm.bias"]


def operators() -> Iterator[tuple[str, str, list[str], list[str], dict[str, Any]]]:
    """The graph as (domain, operator, inputs, outputs, attributes), from token ids and mask to unit vectors."""
    fused, plain = "com.microsoft", ""
    embedding = ["input_ids", "", "words", "positions", "", "norm.gamma", "norm.beta", "attention_mask"]
    yield fused, "EmbedLayerNormalization", embedding, ["0.input", "length"], {"epsilon": EPSILON}
    for layer in range(LAYERS):
        at = f"{layer}."
        attended = [f"{at}input", f"{at}attention", f"{at}attention.bias", "attention_mask"]
        yield fused, "Attention", attended, [f"{at}attended"], {"num_heads": HEADS}
        yield plain, "MatMul", [f"{at}attended", f"{at}joined"], [f"{at}joint"], {}
        first = [f"{at}joint", f"{at}input", f"{at}joined.gamma", f"{at}joined.beta", f"{at}joined.bias"]
        yield fused, "SkipLayerNormalization", first, [f"{at}middle"], {"epsilon": EPSILON}
        yield plain, "MatMul", [f"{at}middle", f"{at}wide"], [f"{at}widened"], {}
        yield fused, "BiasGelu", [f"{at}widened", f"{at}wide.bias"], [f"{at}bent"], {}
        yield plain, "MatMul", [f"{at}bent", f"{at}narrow"], [f"{at}narrowed"], {}
        second = [f"{at}narrowed", f"{at}middle", f"{at}narrow.gamma", f"{at}narrow.beta", f"{at}narrow.bias"]
        yield fused, "SkipLayerNormalization", second, [f"{layer + 1}.input"], {"epsilon": EPSILON}
    yield plain, "Cast", ["attention_mask"], ["mask"], {"to": 1}
    yield plain, "Unsqueeze", ["mask", "last"], ["column"], {}
    yield plain, "Mul", [f"{LAYERS}.input", "column"], ["kept"], {}
    yield plain, "ReduceSum", ["kept", "middle"], ["pooled"], {"keepdims": 0}  # a mean, but for a length that falls away
    yield plain, "LpNormalization", ["pooled"], ["vectors"], {"axis": 1, "p": 2}


def model(tensors: Tensors) -> "ModelProto":
    """The whole model, its weights still inside."""
    from onnx import TensorProto, helper, numpy_helper  # noqa: PLC0415 (heavy, and needed once a machine)

    def ids(name: str) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.INT32, ["texts", "tokens"])

    weights = [numpy_helper.from_array(np.ascontiguousarray(array), name) for name, array in weights_of(tensors)]
    axes = [numpy_helper.from_array(np.array([axis], np.int64), name) for name, axis in (("last", 2), ("middle", 1))]
    nodes = [helper.make_node(kind, given, made, domain=domain, **more) for domain, kind, given, made, more in operators()]
    built = helper.make_graph(
        nodes,
        "all-minilm-l6-v2",
        [ids("input_ids"), ids("attention_mask")],
        [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["texts", WIDTH])],
        weights + axes,
    )
    return helper.make_model(
        built, ir_version=8, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    )


def write(built: "ModelProto", folder: Path) -> None:
    """The model into two files: weights first, so that a graph never lies there without them."""
    with (folder / WEIGHTS).open("wb") as file:
        for tensor in built.graph.initializer:
            if len(tensor.raw_data) >= ALIGNMENT:
                move_out(tensor, file)
        file.flush()
        os.fsync(file.fileno())
    (folder / GRAPH).write_bytes(built.SerializeToString())


def move_out(tensor: "TensorProto", file: Any) -> None:
    """Put a tensor's numbers at the next page of the file, and leave in the model where they are."""
    from onnx import TensorProto  # noqa: PLC0415

    file.write(b"\0" * (-file.tell() % ALIGNMENT))
    place = {"location": WEIGHTS, "offset": str(file.tell()), "length": str(len(tensor.raw_data))}
    file.write(tensor.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in place.items():
        tensor.external_data.add(key=key, value=value)
