"""Every flipped bit of a feature store is found: in headers, in the manifest, in values (issue 14, 7)."""

from __future__ import annotations

import json
import random
import struct
from pathlib import Path

import pytest
import torch

from graphvtr.cli.main import main
from graphvtr.errors import DataError
from graphvtr.video import FeatureStore
from graphvtr.video.store.seal import EMPTY, SEAL, is_intact, sealed


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    made = FeatureStore.create(tmp_path / "store", {"frame_x": 4, "region_x": 3}, {"features": {"name": "café"}})
    for name in ("a", "b"):
        fields = {
            "frame_x": torch.randn(3, 4),
            "frame_time": torch.tensor([0.5, 1.5, 2.5]),
            "region_x": torch.randn(2, 3),
            "region_box": torch.tensor([[0.1, 0.1, 0.5, 0.5]] * 2),
            "region_score": torch.tensor([0.9, 0.8]),
            "region_frame": torch.tensor([0, 2]),
        }
        made.add(name, fields, source={"file": f"{name}.mp4", "bytes": 5}, note="only 2.0 s of 3.0 s decode")
    made.pack()
    return made


def flips(data: bytes, begin: int, end: int, count: int, seed: int) -> list[tuple[int, bytes]]:
    """``count`` different copies of ``data``, each with one bit changed between two places."""
    places = random.Random(seed).sample(range(8 * begin, 8 * end), min(count, 8 * (end - begin)))
    return [
        (place, data[: place // 8] + bytes([data[place // 8] ^ 1 << place % 8]) + data[place // 8 + 1 :])
        for place in places
    ]


def is_found(path: Path) -> bool:
    try:
        return bool(FeatureStore.open(path).verify())
    except DataError:  # anything else is a crash, and fails the test
        return True


def test_every_flipped_bit_of_a_shard_is_found(store: FeatureStore) -> None:
    (shard,) = store.path.glob("shards/*")
    data = shard.read_bytes()
    header = 8 + struct.unpack("<Q", data[:8])[0]
    assert not is_found(store.path)
    for begin, end, count in ((0, header, 500), (header, len(data), 200)):
        for place, changed in flips(data, begin, end, count, seed=begin):
            shard.write_bytes(changed)
            assert is_found(store.path), f"bit {place % 8} of byte {place // 8}"
    shard.write_bytes(data)
    assert not is_found(store.path)


def test_a_flipped_bit_of_a_value_is_refused_by_read(store: FeatureStore) -> None:
    (shard,) = store.path.glob("shards/*")
    data = shard.read_bytes()
    begin = 8 + struct.unpack("<Q", data[:8])[0]
    for _, changed in flips(data, begin, len(data), 60, seed=3):
        shard.write_bytes(changed)
        opened = FeatureStore.open(store.path)
        for ask in (
            lambda opened=opened: [opened.read(name) for name in opened.names],
            opened.video_graphs,
            lambda opened=opened: opened.require_sound(opened.names),
        ):
            with pytest.raises(DataError, match="checksum does not match"):
                ask()
    shard.write_bytes(data)
    sound = FeatureStore.open(store.path)
    sound.require_sound(sound.names)
    assert len(sound.video_graphs()) == 2


def test_every_flipped_bit_of_a_manifest_is_found(store: FeatureStore) -> None:
    manifest = store.path / "manifest.json"
    data = manifest.read_bytes()
    for place, changed in flips(data, 0, len(data), 400, seed=1):
        manifest.write_bytes(changed)
        assert is_found(store.path), f"bit {place % 8} of byte {place // 8}"
    manifest.write_bytes(data)
    assert not is_found(store.path)


def test_a_width_edited_by_hand_is_found(store: FeatureStore) -> None:
    manifest = store.path / "manifest.json"
    text = manifest.read_text()
    manifest.write_text(text.replace('"frame_x": 4', '"frame_x": 5'))
    with pytest.raises(DataError, match=r"manifest.json: was changed after it was written"):
        FeatureStore.open(store.path)
    content = json.loads(text)  # of an earlier version, without a checksum
    del content[SEAL]
    manifest.write_text(json.dumps(content))
    assert FeatureStore.open(store.path).verify() == {}
    manifest.write_text(json.dumps({**content, "widths": {"frame_x": 5, "region_x": 3}}))
    assert "is {'frame_x': 4, 'region_x': 3} wide" in FeatureStore.open(store.path).verify()["a"]


def test_info_does_not_call_a_damaged_store_fine(store: FeatureStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["store", "info", str(store.path)]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["not whole"] == dict.fromkeys("ab", "only 2.0 s of 3.0 s decode")
    assert "verify" in shown["values"]
    (shard,) = store.path.glob("shards/*")
    shard.write_bytes(shard.read_bytes().replace(b"a.mp4", b"b.mp4"))
    assert main(["store", "info", str(store.path)]) == 1
    shown = json.loads(capsys.readouterr().out)
    assert (shown["clips"], len(shown["damaged files"])) == (0, 1)


def test_a_seal_covers_every_byte() -> None:
    text = sealed(json.dumps({"a": 1, SEAL: EMPTY}).encode())
    assert is_intact(text)
    assert all(not is_intact(changed) for _, changed in flips(text, 0, len(text), 10_000, seed=0))
    assert not is_intact(b'{"a": 1}')


@pytest.mark.parametrize("scale", [1e-8, 1e-9])
def test_features_that_float16_would_lose_are_refused(tmp_path: Path, scale: float) -> None:
    made = FeatureStore.create(tmp_path / "store", {"frame_x": 4})
    time = torch.tensor([0.5])
    with pytest.raises(DataError, match=r"clip 'a': frame_x: has values too small for float16: 100.0% .*scale .* up"):
        made.add("a", {"frame_x": torch.full((1, 4), scale), "frame_time": time})
    made.add("zeros", {"frame_x": torch.zeros(1, 4), "frame_time": time})


def test_a_softmax_of_1000_is_kept_or_refused(tmp_path: Path) -> None:
    made = FeatureStore.create(tmp_path / "store", {"frame_x": 1000})
    softmax = (torch.randn(1, 1000) * 3).softmax(1)
    assert (softmax.half() == 0).float().mean() > 0.01
    with pytest.raises(DataError, match="too small for float16"):
        made.add("a", {"frame_x": softmax, "frame_time": torch.tensor([0.5])})
    made.add("a", {"frame_x": softmax * 10_000, "frame_time": torch.tensor([0.5])})
    found = made.read("a")["frame_x"] / 10_000
    assert torch.allclose(found, softmax, rtol=1 / 2048, atol=3e-12)


def test_the_bound_of_the_docs_is_true(tmp_path: Path) -> None:
    made = FeatureStore.create(tmp_path / "store", {"frame_x": 4000})
    values = torch.cat([torch.logspace(-4.2, 4.8, 3000), torch.logspace(-7, -4.3, 1000)])[None]
    made.add("a", {"frame_x": values, "frame_time": torch.tensor([0.5])})
    error = (made.read("a")["frame_x"] - values).abs()
    normal = values >= 6.1e-5
    assert (error[normal] <= values[normal] / 2048).all()
    assert (error[~normal] <= 3e-8).all()


def test_a_clip_that_another_process_wrote_again_is_read(store: FeatureStore) -> None:
    store.add(
        "loose",
        {
            "frame_x": torch.zeros(1, 4),
            "frame_time": torch.tensor([0.5]),
            "region_x": torch.zeros(0, 3),
            "region_box": torch.zeros(0, 4),
            "region_score": torch.zeros(0),
            "region_frame": torch.zeros(0, dtype=torch.long),
        },
    )
    other = FeatureStore.open(store.path)
    fields = {**store.read("loose"), "frame_x": torch.ones(1, 4)}
    store.add("loose", fields)
    assert other.read("loose")["frame_x"].tolist() == [[1.0] * 4]
