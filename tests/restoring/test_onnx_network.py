"""ONNX files restore images as modules do."""

from pathlib import Path

import numpy as np
import pytest
import torch

import restorelab
from restorelab.errors import DataError
from restorelab.restoring.restorer import Options, Restorer
from restorelab.runs.for_restoring import network

onnx = pytest.importorskip("onnx", reason="the extra [export] is not installed")
pytest.importorskip("onnxruntime", reason="the extra [export] is not installed")


def _file(folder: Path, *inputs: str, metadata: dict[str, str] | None = None) -> Path:
    """A network that gives half the image, or the image minus the noise level."""
    shapes = {"degraded": ["batch", 1, "height", "width"], "sigma": ["batch"], "other": ["batch"]}
    helper = onnx.helper
    given = [helper.make_tensor_value_info(name, 1, shapes[name]) for name in inputs]
    axes = helper.make_tensor("axes", 7, [3], [1, 2, 3])
    half = helper.make_tensor("half", 1, [], [0.5])
    if "sigma" in inputs:
        nodes = [helper.make_node("Unsqueeze", ["sigma", "axes"], ["level"]),
                 helper.make_node("Sub", ["degraded", "level"], ["restored"])]  # fmt: skip
    else:
        nodes = [helper.make_node("Mul", ["degraded", "half"], ["restored"])]
    result = helper.make_tensor_value_info("restored", 1, shapes["degraded"])
    model = helper.make_model(
        helper.make_graph(nodes, "network", given, [result], [axes, half]),
        opset_imports=[helper.make_opsetid("", 17)], ir_version=9,
    )  # fmt: skip
    helper.set_model_props(model, metadata or {})
    onnx.save(model, folder / "network.onnx")
    return folder / "network.onnx"


def test_a_file_restores_as_a_network(tmp_path: Path) -> None:
    image = np.random.default_rng(0).random((30, 40), dtype=np.float32)
    assert np.allclose(restorelab.restore(image, _file(tmp_path, "degraded")), image / 2)


def test_the_noise_level_and_what_is_declared(tmp_path: Path) -> None:
    file = _file(tmp_path, "degraded", "sigma", metadata={"receptive_field": "5", "sigma": "[10, 50]"})
    trained = network(file, "cpu")
    assert trained.sigma == (10, 50)
    assert (trained.net.receptive_field, trained.net.channels, trained.net.takes_sigma) == (5, 1, True)
    image = np.random.default_rng(0).uniform(0.3, 1, (40, 50, 1)).astype(np.float32)
    restored = Restorer(trained.net, Options(sigma=25.5, tile=16), trained.sigma).restore(image)
    assert restored.tiles > 1
    assert np.allclose(restored.pixels, image - 0.1, atol=1e-6)
    with torch.inference_mode():
        both = trained.net(torch.ones(2, 1, 3, 3), torch.tensor([0.1, 0.2]))
    assert torch.allclose(both[:, 0, 0, 0], torch.tensor([0.9, 0.8]))


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"no network")
    with pytest.raises(DataError, match=r"a\.onnx cannot be read as ONNX"):
        network(tmp_path / "a.onnx", "cpu")
    with pytest.raises(DataError, match="expected one image"):
        network(_file(tmp_path, "degraded", "other"), "cpu")


@pytest.mark.parametrize(
    ("kind", "shape", "gives"),
    [
        (1, [1, 3, 64, 64], [1, 3, 64, 64]),
        (1, ["b", "h", "w", 3], ["b", "h", "w", 3]),
        (2, ["b", 3, "h", "w"], ["b", 3, "h", "w"]),  # uint8
        (10, ["b", 3, "h", "w"], ["b", 3, "h", "w"]),  # float16
        (1, ["b", 3, "h", "w"], ["b", 3]),
    ],
)
def test_files_that_do_not_turn_images_of_any_size_into_images_are_refused(
    kind: int, shape: list[object], gives: list[object], tmp_path: Path
) -> None:
    helper = onnx.helper
    node = helper.make_node("Identity", ["x"], ["y"])
    if len(gives) == 2:
        node = helper.make_node("ReduceMean", ["x"], ["y"], axes=[2, 3], keepdims=0)
    ends = ([helper.make_tensor_value_info(*given)] for given in (("x", kind, shape), ("y", kind, gives)))
    graph = helper.make_graph([node], "network", *ends)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, tmp_path / "a.onnx")
    with pytest.raises(DataError, match=r"a\.onnx takes x tensor.* whose height and width are free"):
        network(tmp_path / "a.onnx", "cpu")


def test_metadata_is_data_that_may_be_anything(tmp_path: Path) -> None:
    metadata = {"multiple": "0", "minimum": "-3", "receptive_field": "[[5]]", "sigma": '["a", {}]', "x": "[" * 100_000}
    trained = network(_file(tmp_path, "degraded", metadata=metadata), "cpu")
    assert trained.sigma is None
    assert not [name for name in ("multiple", "minimum", "receptive_field") if hasattr(trained.net, name)]
    image = np.random.default_rng(0).random((30, 40), dtype=np.float32)
    assert np.allclose(restorelab.restore(image, trained.net), image / 2)
