from __future__ import annotations

import json
import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.graphs import GraphStore
from graphvtr.video import FeatureStore, StoreWriteError
from graphvtr.video.store import writing
from tests.processes import clean_context

WIDTHS = {"frame_x": 6}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "store"


@pytest.fixture
def filled(path, random_fields):
    """Five clips, three of them packed, and what went in."""
    store = FeatureStore.create(path, WIDTHS, {"made": "by hand"})
    fields = {f"clip {i}": random_fields(frames=i + 1) for i in range(5)}
    for name in sorted(fields)[:3]:
        store.add(name, fields[name])
    store.pack()
    for name in sorted(fields)[3:]:
        store.add(name, fields[name])
    return store, fields


def assert_same(found, fields):
    assert found.keys() == fields.keys()
    for key, value in fields.items():
        exact = value.half().float() if key.endswith("_x") else value
        assert found[key].dtype == (torch.float32 if value.is_floating_point() else torch.int64)
        assert torch.equal(found[key], exact)


# -- round trip -------------------------------------------------------------------------------------------------


def test_what_is_added_comes_back(filled):
    store, fields = filled
    for view in (store, FeatureStore.open(store.path)):
        assert view.names == list(view) == sorted(fields)
        assert len(view) == 5
        for name in fields:
            assert name in view
            assert_same(view.read(name), fields[name])
    assert "nonsense" not in store
    assert repr(store) == f"FeatureStore('{store.path}', 5 clips, frame_x=6)"
    assert store.settings == {"made": "by hand"}


@pytest.mark.parametrize("regions", [0, 1, 9])
@pytest.mark.parametrize("packed", [False, True])
def test_regions_come_back(path, random_fields, regions, packed):
    store = FeatureStore.create(path, {"frame_x": 6, "region_x": 6})
    fields = random_fields(regions=regions)
    store.add("a", fields)
    if packed:
        store.pack()
    assert_same(store.read("a"), fields)
    graph = store.video_graph("a")
    assert (graph.num_frames, graph.num_regions, graph.name) == (4, regions, "a")


@pytest.mark.parametrize("name", ["a/b", "../up", "ÄÖ 語", "x" * 300, ".hid", "a.b.c", "a'\"b"])
def test_any_name(path, random_fields, name):
    store = FeatureStore.create(path, WIDTHS)
    fields = random_fields()
    store.add(name, fields)
    store.pack()
    store.add(name + "'", fields)
    again = FeatureStore.open(path)
    assert again.names == sorted([name, name + "'"])
    assert_same(again.read(name), fields)
    assert {file.parent.parent for file in path.rglob("*.safetensors")} == {path}


def test_entries_tell_source_and_note(path, random_fields):
    store = FeatureStore.create(path, WIDTHS)
    store.add("a", random_fields(), source={"file": "a.mp4", "bytes": 7}, note="half of it")
    store.pack()
    entry = FeatureStore.open(path).entry("a")
    assert (entry.source, entry.note) == ({"file": "a.mp4", "bytes": 7}, "half of it")
    assert entry.shapes == {"frame_x": [4, 6], "frame_time": [4]}


def test_graphs(filled):
    store, fields = filled
    packed = store.video_graphs(["clip 4", "clip 0"])
    assert isinstance(packed, GraphStore)
    assert [graph.name for graph in packed] == ["clip 4", "clip 0"]
    assert packed.nodes["frame"].ptr.tolist() == [0, 5, 6]
    torch.testing.assert_close(packed[0]["frame"].time, fields["clip 4"]["frame_time"])
    assert len(store.video_graphs()) == 5
    with pytest.raises(DataError, match="there are none"):
        store.video_graphs([])


def test_replacing_a_clip(filled, random_fields):
    store, _ = filled
    for name in ("clip 0", "clip 4"):  # one packed, one not
        new = random_fields(frames=9)
        store.add(name, new)
        assert_same(store.read(name), new)
        assert_same(FeatureStore.open(store.path).read(name), new)
        store.pack()
        assert_same(FeatureStore.open(store.path).read(name), new)
    assert len(store) == 5
    assert store.verify() == {}


def test_features_are_copies(filled):
    store, _ = filled
    store.read("clip 0")["frame_x"].zero_()
    assert store.read("clip 0")["frame_x"].abs().sum() > 0


# -- packing ----------------------------------------------------------------------------------------------------


def test_packing_changes_files_and_nothing_else(filled):
    store, fields = filled
    before = store.checksum()
    assert len(list(store.path.glob("clips/*"))) == 2
    store.pack()
    assert list(store.path.glob("clips/*")) == []
    assert len(list(store.path.glob("shards/*"))) == 2
    store.pack()
    assert len(list(store.path.glob("shards/*"))) == 2
    assert store.checksum() == before == FeatureStore.open(store.path).checksum()
    assert store.verify() == {}
    for name in fields:
        assert_same(store.read(name), fields[name])


def test_shards_are_of_the_asked_size(path, random_fields):
    store = FeatureStore.create(path, WIDTHS)
    for index in range(10):
        store.add(str(index), random_fields(frames=10))  # 120 + 40 bytes
    store.pack(shard_bytes=400)
    assert len(list(path.glob("shards/*"))) == 4  # 3 + 3 + 3 + 1
    assert len(store) == 10


def test_killed_between_shard_and_clean_up(filled, monkeypatch, tmp_path):
    """The clips are then in both places, and either will do."""
    store, fields = filled
    copy = tmp_path / "copy"
    shutil.copytree(store.path / "clips", copy)
    store.pack()
    shutil.copytree(copy, store.path / "clips", dirs_exist_ok=True)
    again = FeatureStore.open(store.path)
    assert len(again) == 5
    assert again.verify() == {}
    again.pack()
    for name in fields:
        assert_same(again.read(name), fields[name])


def test_packing_sweeps_what_killed_writers_left(filled):
    store, _ = filled
    (store.path / "clips" / "x.safetensors.1-ab.partial").write_bytes(b"half a cl")
    assert len(FeatureStore.open(store.path)) == 5
    store.pack()
    assert not list(store.path.rglob("*.partial"))


def test_failing_to_pack_loses_nothing(filled, monkeypatch):
    store, _ = filled

    def fail(path, clips):
        raise StoreWriteError(path, "cannot be written (No space left on device)")

    monkeypatch.setattr(writing, "write_clips", fail)
    with pytest.raises(StoreWriteError):
        store.pack()
    assert FeatureStore.open(store.path).verify() == {}
    assert len(FeatureStore.open(store.path)) == 5


def test_checksum_is_of_the_content(filled, random_fields):
    store, fields = filled
    before = store.checksum()
    store.add("clip 0", fields["clip 0"])
    assert store.checksum() == before
    store.add("clip 0", random_fields(frames=1))
    assert store.checksum() != before


# -- several processes ------------------------------------------------------------------------------------------


def test_a_reader_sees_what_others_add_after_refresh(filled, random_fields):
    store, _ = filled
    other = FeatureStore.open(store.path)
    other.add("new", random_fields())
    assert "new" not in store
    store.refresh()
    assert "new" in store


def test_a_reader_finds_clips_that_another_packs(filled):
    store, fields = filled
    FeatureStore.open(store.path).pack()
    for name in fields:
        assert_same(store.read(name), fields[name])


def _add_many(path, start, count):
    store = FeatureStore.open(path)
    for index in range(start, start + count):
        store.add(f"clip {index}", {"frame_x": torch.full((3, 6), float(index))})
        if index % 7 == 0:
            store.pack()


def test_two_writers_lose_nothing(path):
    FeatureStore.create(path, WIDTHS)
    context = clean_context()
    writers = [context.Process(target=_add_many, args=(path, start, 40)) for start in (0, 30)]  # ten are the same
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    store = FeatureStore.open(path)
    assert len(store) == 70
    assert store.verify() == {}
    for index in range(70):
        assert (store.read(f"clip {index}")["frame_x"] == index).all()


def test_threads_read_at_once(filled):
    store, fields = filled
    with ThreadPoolExecutor(4) as pool:
        names = sorted(fields) * 20
        for name, found in zip(names, pool.map(store.read, names), strict=True):
            assert_same(found, fields[name])


class _Clips(torch.utils.data.Dataset):
    def __init__(self, store):
        self.store = store

    def __len__(self):
        return len(self.store)

    def __getitem__(self, index):
        return self.store.read(self.store.names[index])["frame_x"]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_data_loader_workers_read_at_once(filled, method):
    store, fields = filled
    store.read("clip 0")  # opens the shard before the workers start
    if method == "spawn":  # what a spawned worker gets
        store = pickle.loads(pickle.dumps(store))  # noqa: S301  our own object
        workers = 0
    else:
        workers = 2
    loader = torch.utils.data.DataLoader(_Clips(store), batch_size=None, num_workers=workers)
    found = list(loader)
    for name, x in zip(sorted(fields), found, strict=True):
        assert torch.equal(x, fields[name]["frame_x"].half().float())


# -- refusals ---------------------------------------------------------------------------------------------------


def test_missing_clip_says_which_are_near(filled):
    store, _ = filled
    with pytest.raises(DataError, match=r"clip 'clip_3': is not in the store .* of 5 clips .*did you mean clip 3"):
        store.read("clip_3")
    with pytest.raises(DataError, match="check the name"):
        store.video_graph("zebra")


def test_a_refused_clip_is_not_written(filled):
    store, _ = filled
    with pytest.raises(DataError, match=r"clip 'bad': frame\.x: has NaN"):
        store.add("bad", {"frame_x": torch.full((2, 6), float("nan"))})
    assert "bad" not in FeatureStore.open(store.path)


def test_damaged_files_do_not_hide_the_others(filled):
    store, _ = filled
    (file,) = (f for f in store.path.glob("clips/*") if f.name.startswith("clip_3"))
    file.write_bytes(file.read_bytes()[:-5])
    again = FeatureStore.open(store.path)
    assert again.names == ["clip 0", "clip 1", "clip 2", "clip 4"]
    assert list(again.damaged) == [f"clips/{file.name}"]
    assert "is damaged" in again.verify()[f"clips/{file.name}"]
    with pytest.raises(DataError, match=r"'clip 3'.*1 of its files are damaged"):
        again.read("clip 3")
    with pytest.raises(DataError, match=r"is damaged.*extract its clips again"):
        store.read("clip 3")  # opened before the damage


@pytest.mark.parametrize("place", ["clips", "shards"])
def test_verify_sees_a_changed_bit(filled, place):
    store, _ = filled
    file = sorted(store.path.glob(f"{place}/*"))[-1]
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    wrong = store.verify()
    assert len(wrong) == 1
    assert "checksum does not match" in next(iter(wrong.values()))


def test_verify_reports_damage_that_appears_while_it_reads(filled, monkeypatch):
    store, _ = filled
    victim = next(f for f in store.path.glob("clips/*") if f.name.startswith("clip_4"))
    refresh = FeatureStore.refresh

    def refresh_then_damage(self):
        refresh(self)
        victim.write_bytes(b"")

    monkeypatch.setattr(FeatureStore, "refresh", refresh_then_damage)
    assert "is no safetensors file" in store.verify()["clip 4"]


def test_verify_misses_a_field(filled, tmp_path):
    store, _ = filled
    file = next(f for f in store.path.glob("clips/*") if f.name.startswith("clip_4"))
    content = file.read_bytes()
    file.write_bytes(content.replace(b'"clip 4/frame_time"', b'"clip 4/frame_tome"'))
    assert "header's checksum does not match" in store.verify()[f"clips/{file.name}"]
    assert "clip 4" not in store


def test_create_refuses_what_is_there(filled, tmp_path):
    store, _ = filled
    with pytest.raises(DataError, match="holds a feature store already"):
        FeatureStore.create(store.path, WIDTHS)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    for overwrite in (False, True):
        with pytest.raises(DataError, match="exists and is not a feature store"):
            FeatureStore.create(tmp_path / "mine", WIDTHS, overwrite=overwrite)
        with pytest.raises(DataError, match="exists and is not a feature store"):
            FeatureStore.create(tmp_path / "mine" / "thesis.tex", WIDTHS, overwrite=overwrite)
    (tmp_path / "empty").mkdir()
    assert len(FeatureStore.create(tmp_path / "empty", WIDTHS)) == 0


def test_overwriting_takes_only_what_is_the_stores(filled):
    store, _ = filled
    (store.path / "README.txt").write_text("keep me")
    new = FeatureStore.create(store.path, {"frame_x": 9}, {"other": 1}, overwrite=True)
    assert (len(new), new.widths, new.settings) == (0, {"frame_x": 9}, {"other": 1})
    assert (store.path / "README.txt").read_text() == "keep me"


def test_open_refuses_what_is_no_store(tmp_path, filled):
    store, _ = filled
    for place in (tmp_path / "none", tmp_path):
        with pytest.raises(DataError, match=r"is not a feature store \(make one with: graphvtr extract"):
            FeatureStore.open(place)
    manifest = store.path / "manifest.json"
    content = json.loads(manifest.read_text())
    for broken in ("{", "[]", "{}", json.dumps({**content, "widths": 3})):
        manifest.write_text(broken)
        with pytest.raises(DataError, match=r"manifest.json(: \w+)?: is (not json|a list, not|missing|3, not)"):
            FeatureStore.open(store.path)
    manifest.write_text(json.dumps({**content, "format": "graphvtr.FeatureStore/99"}))
    with pytest.raises(DataError, match=r"has format graphvtr.FeatureStore/99 \(this version reads"):
        FeatureStore.open(store.path)


def test_resume_continues_the_same_and_refuses_others(path, random_fields):
    settings = {"features": {"name": "pixels", "sizes": (1, 2)}}
    FeatureStore.resume(path, WIDTHS, settings).add("a", random_fields())
    assert FeatureStore.resume(path, WIDTHS, settings).names == ["a"]
    with pytest.raises(DataError, match=r"settings.features.name is pixels in the store and cnn now"):
        FeatureStore.resume(path, WIDTHS, {"features": {"name": "cnn", "sizes": [1, 2]}})
    with pytest.raises(DataError, match=r"widths.frame_x is 6 in the store and 7 now.*overwrite"):
        FeatureStore.resume(path, {"frame_x": 7}, settings)
