import numpy as np
import pytest
import torch

from vidcache.encoder.dinov2_names import looks_like_transformers, rename_from_transformers
from vidcache.encoder.onnx_file import read_onnx_weights
from vidcache.encoder.weight_file import read_weight_file
from vidcache.errors import ModelError


def _varint(number: int) -> bytes:
    parts = []
    while True:
        number, rest = number >> 7, number & 127
        parts.append(rest | (128 if number else 0))
        if not number:
            return bytes(parts)


def _field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _tensor(name: str, values: np.ndarray, kind: int) -> bytes:
    dims = b"".join(_field(1, size) for size in values.shape)
    return _field(
        5, dims + _field(2, kind) + _field(8, name.encode()) + _field(9, values.tobytes())
    )


def _node(name: str, *inputs: str) -> bytes:
    return _field(
        1, b"".join(_field(1, used.encode()) for used in inputs) + _field(3, name.encode())
    )


def _network(width: int = 4) -> tuple[bytes, dict[str, torch.Tensor]]:
    """A DINOv2 of one block as exported from transformers, and its weights as timm has them."""
    rng = np.random.default_rng(0)
    made: dict[str, np.ndarray] = {}

    def make(*shape: int, kind: int = 1) -> np.ndarray:
        return rng.normal(size=shape).astype({1: "<f4", 10: "<f2"}[kind])

    layer, block = "backbone.encoder.layer.0.", "blocks.0."
    graph = b""
    for name, ours, shape in (
        ("embeddings.cls_token", "cls_token", (1, 1, width)),
        ("embeddings.patch_embeddings.projection.weight", "patch_embed.proj.weight", (width, 3)),
        ("layernorm.weight", "norm.weight", (width,)),
    ):
        made[ours] = make(*shape)
        graph += _tensor(f"backbone.{name}", made[ours], 1)
    made[f"{block}ls1.gamma"] = make(width, kind=10)
    graph += _tensor(f"{layer}layer_scale1.lambda1", made[f"{block}ls1.gamma"], 10)
    parts = [make(width, width) for _ in range(3)]
    made[f"{block}attn.qkv.weight"] = np.concatenate(parts)
    for number, part in enumerate(("query", "key", "value")):
        graph += _tensor(f"onnx::MatMul_{number}", np.ascontiguousarray(parts[number].T), 1)
        where = f"/backbone/encoder/layer.0/attention/attention/{part}/MatMul"
        graph += _node(where, "x", f"onnx::MatMul_{number}")
    made[f"{block}mlp.fc1.weight"] = make(2 * width, width)
    graph += _tensor("onnx::MatMul_9", np.ascontiguousarray(made[f"{block}mlp.fc1.weight"].T), 1)
    graph += _node("/backbone/encoder/layer.0/mlp/fc1/MatMul", "y", "onnx::MatMul_9")
    made["pos_embed"] = make(1, 5, width)
    graph += _tensor("onnx::Concat_1", np.ascontiguousarray(made["pos_embed"][:, :1]), 1)
    graph += _tensor("onnx::Reshape_2", np.ascontiguousarray(made["pos_embed"][:, 1:]), 1)
    graph += _node("/backbone/embeddings/Concat_6", "onnx::Concat_1")
    graph += _node("/backbone/embeddings/Reshape_1", "onnx::Reshape_2")
    graph += _tensor("decoder.weight", make(2), 1)
    # A whole number and a fixed one among the weights, as exports have them.
    graph += _field(5, _field(1, 1) + _field(2, 7) + _field(8, b"size") + _field(9, b"\1" * 8))
    model = _field(1, 8) + _varint(3 << 3 | 1) + b"\0" * 8 + _field(7, graph)
    return model, {name: torch.from_numpy(values) for name, values in made.items()}


def test_an_export_from_transformers_becomes_the_vit_of_timm(tmp_path) -> None:
    content, expected = _network()
    (tmp_path / "vit.onnx").write_bytes(content)
    found = read_weight_file(tmp_path / "vit.onnx")
    assert set(found) == set(expected)
    for name, tensor in found.items():
        assert torch.equal(tensor, expected[name])
        assert tensor.is_contiguous()


def test_what_has_a_name_keeps_it(tmp_path) -> None:
    (tmp_path / "vit.onnx").write_bytes(_network()[0])
    weights = read_onnx_weights(tmp_path / "vit.onnx")
    assert weights["backbone.encoder.layer.0.layer_scale1.lambda1"].dtype == torch.float16
    assert weights["backbone.encoder.layer.0.mlp.fc1.MatMul"].shape == (4, 8)
    assert "size" not in weights


def test_names_of_a_saved_model_are_known_as_well() -> None:
    saved = {
        "embeddings.patch_embeddings.projection.weight": torch.zeros(4, 3),
        "embeddings.position_embeddings": torch.zeros(1, 5, 4),
        "embeddings.mask_token": torch.zeros(1, 4),
        "encoder.layer.10.norm1.bias": torch.zeros(4),
    }
    assert looks_like_transformers(saved)
    assert set(rename_from_transformers(saved)) == {
        "patch_embed.proj.weight", "pos_embed", "blocks.10.norm1.bias",
    }  # fmt: skip
    assert not looks_like_transformers({"patch_embed.proj.weight": torch.zeros(1)})


@pytest.mark.parametrize("kept", [0, 5, 40, -30])
def test_a_damaged_file_is_refused(kept, tmp_path) -> None:
    path = tmp_path / "vit.onnx"
    path.write_bytes(_network()[0][:kept])
    with pytest.raises(ModelError, match=r"vit\.onnx cannot be read: it is damaged"):
        read_onnx_weights(path)
    path.write_bytes(b"\xff" * 64)
    with pytest.raises(ModelError, match="no ONNX file"):
        read_onnx_weights(path)
