"""CAD120Graphs against the annotation itself: a small one written here, and the real one where it is at hand."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from graphvtr.datasets import DataSource, build_dataset
from graphvtr.datasets.cad120 import CATEGORIES, RELATION, RELATIONS, CAD120Graphs, Recording
from graphvtr.errors import DataError
from graphvtr.graphs import AddSpatialEdges, AddTemporalEdges, VideoGraph

SPATIAL, TEMPORAL = ("region", "spatial", "region"), ("region", "temporal", "region")


def seen(recording: Recording, thing: int, frame: int) -> bool:
    """Whether the annotation has a box with an area, read from its plain numbers."""
    _, _, width, height = recording.boxes[thing, frame].tolist()
    return width > 0 and height > 0


def annotated_counts(recording: Recording, begin: int, end: int) -> dict[str, int]:
    """Spatial, temporal and relation edges that the annotation says, counted in plain loops."""
    things = range(len(recording.objects))
    frames = range(begin, end + 1)
    return {
        "regions": sum(seen(recording, thing, frame) for thing in things for frame in frames),
        "spatial": sum(
            seen(recording, one, frame) and seen(recording, other, frame)
            for frame in frames
            for one in things
            for other in things
            if one != other
        ),
        "temporal": sum(
            seen(recording, thing, frame) and seen(recording, thing, frame + 1)
            for thing in things
            for frame in frames[:-1]
        ),
        "relation": sum(
            seen(recording, one, frame) and seen(recording, other, frame)
            for one, other in recording.pairs
            for frame in frames
        ),
    }


def graph_counts(graph: VideoGraph) -> dict[str, int]:
    """The same of a graph, with the edges written out by the transforms."""
    assert graph.validate()
    graph = AddTemporalEdges(by="track")(AddSpatialEdges(self_loops=False)(graph))
    graph.validate()
    keys = {"spatial": SPATIAL, "temporal": TEMPORAL, "relation": RELATION}
    return {"regions": graph.num_regions} | {name: graph[key].edge_index.size(1) for name, key in keys.items()}


def assert_as_annotated(dataset: CAD120Graphs, index: int) -> None:
    unit = dataset.units[index]
    assert graph_counts(dataset.video_graphs[index]) == annotated_counts(unit.recording, unit.begin, unit.end)


@pytest.mark.parametrize("unit", ["action", "pair", "video"])
def test_edges_are_the_annotation_s(cad_root: Path, unit: str) -> None:
    dataset = CAD120Graphs(cad_root, "all", unit=unit, num_frames=None)
    assert len(dataset.videos) == {"action": 16, "pair": 12, "video": 4}[unit]
    for index in range(len(dataset.videos)):
        assert_as_annotated(dataset, index)


def test_regions_boxes_relations_and_features(cad_root: Path) -> None:
    features = ("category", "geometry", "motion", "state", "relation")
    dataset = CAD120Graphs(cad_root, "test", unit="video", num_frames=None, features=features)
    graph = dataset.video_graphs[0]
    region = graph["region"]
    assert graph.name == "Subject1/having_meal/001/0-11"
    assert graph.num_regions == 4 * 12 - 3  # the hand is missing once, the microwave twice
    hand = (region.track == 1) & (region.frame == 2)
    x = region.x[hand][0]
    assert region.box[hand][0].tolist() == pytest.approx([120 / 640, 200 / 480, 184 / 640, 248 / 480])
    assert x[:13].argmax() == CATEGORIES.index("hand")
    assert x[13:18].tolist() == pytest.approx([152 / 640, 224 / 480, 0.1, 0.1, 0.01])
    assert x[18:22].tolist() == pytest.approx([10 * 20 / 640, 0, 0, 0], abs=1e-5)  # since frame 0: not seen in frame 1
    assert x[22:24].tolist() == [0, 0]
    assert x[24:].tolist() == [0, 1, 0, 0, 0, 0]
    microwave = region.x[region.track == 3]
    assert microwave[:, 22:24].tolist() == [[1, 0]] * 4 + [[0, 1]] * 6
    index, kind = graph[RELATION].edge_index, graph[RELATION].kind
    assert torch.equal(region.frame[index[0]], region.frame[index[1]])
    assert index[0].diff().min() >= 0
    held = (kind == RELATIONS.index("holding")).nonzero().flatten()
    assert region.frame[index[0, held]].tolist() == [4, 5, 6, 7, 8]
    assert {int(region.track[one]) for one in index[0, held]} == {1}
    assert {int(region.track[one]) for one in index[1, held]} == {2}


def test_frame_features(cad_root: Path) -> None:
    graph = CAD120Graphs(cad_root, "test", unit="video", num_frames=None).video_graphs[0]
    x = graph["frame"].x.view(12, 13, 4)
    hand = CATEGORIES.index("hand")
    assert x[1, hand].tolist() == [0, 0, 0, 0]
    assert x[2, hand].tolist() == pytest.approx([0.25, 152 / 640, 224 / 480, 10 * 20 / 640])
    assert x[:, CATEGORIES.index("plate")].abs().sum() == 0


def test_frames_are_sampled_at_equal_distance(cad_root: Path) -> None:
    dataset = CAD120Graphs(cad_root, "test", unit="video", num_frames=4, frames_per_second=10.0, relations=False)
    graph = dataset.video_graphs[0]
    assert graph["frame"].time.tolist() == pytest.approx([0, 0.4, 0.7, 1.1])
    assert RELATION not in graph.edge_types
    short = CAD120Graphs(cad_root, "test", num_frames=4).video_graphs
    assert sorted(graph.num_frames for graph in short) == [3, 4, 4, 4]  # drink has but three


def test_captions_tell_what_and_in_which_order(cad_root: Path) -> None:
    actions = CAD120Graphs(cad_root, "test")
    said = set(actions.captions)
    assert len(said) == len(actions.captions) == 20
    assert {"a person picks up the cup", "a person puts down the cup", "a person drinks from the cup"} <= said
    assert "first the microwave is closed , then it is open" in said
    assert "a person grabs the cup with one hand" in said
    pairs = CAD120Graphs(cad_root, "test", unit="pair")
    assert "after picking up the cup , a person drinks from the cup" in pairs.captions
    assert "a person picks up the cup before drinking from the cup" in pairs.captions
    (graph,) = (graph for graph in pairs.role_graphs if graph.caption.startswith("after picking up the cup , "))
    assert [graph.phrase("action", node) for node in range(2)] == ["picking up", "drinks"]
    assert "after picking up the cup" in [graph.phrase("entity", node) for node in range(graph.num_entities)]
    videos = CAD120Graphs(cad_root, "test", unit="video")
    assert videos.captions[0] == (
        "a person opens the microwave , then picks up the cup , then drinks from the cup and then puts down the cup"
    )
    for dataset in (actions, pairs, videos):
        for graph in dataset.role_graphs:
            graph.validate()


def test_splits_leave_a_person_out(cad_root: Path) -> None:
    parts = {
        split: set(CAD120Graphs(cad_root, split, fold=2, unit="video").videos) for split in ("trainval", "test", "all")
    }
    assert {name.split("/")[0] for name in parts["test"]} == {"Subject3"}
    assert parts["trainval"] | parts["test"] == parts["all"]
    assert not parts["trainval"] & parts["test"]
    train, val = (set(CAD120Graphs(cad_root, split, fold=2, unit="video").videos) for split in ("train", "val"))
    assert train | val == parts["trainval"]
    assert not train & val
    assert len(val) == 1


def test_by_name_and_from_the_archive(cad_root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "zipped"
    folder.mkdir()
    shutil.make_archive(str(folder / "annotations"), "zip", cad_root, "annotations")
    source = DataSource(root=folder, options={"unit": "pair", "num_frames": 3, "fold": 4})
    one = build_dataset("cad120", "test", source)
    other = CAD120Graphs(cad_root, "test", unit="pair", num_frames=3, fold=4)
    assert one.captions == other.captions
    assert torch.equal(one.video_graphs.nodes["region"].tensors["x"], other.video_graphs.nodes["region"].tensors["x"])
    batch = one.video_graphs.batch([2, 0])
    assert batch.validate()
    assert torch.equal(
        batch["region"].frame[batch[RELATION].edge_index[0]], batch["region"].frame[batch[RELATION].edge_index[1]]
    )
    with pytest.raises(DataError, match="option 'folds' of cad120: unknown"):
        build_dataset("cad120", "test", DataSource(root=folder, options={"folds": 1}))


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("video_clips.txt", "Subject1, having_meal, 001, 3, pick\n", "video_clips.txt, line 1: is 'Subject1"),
        ("video_clips.txt", "Subject1, having_meal, 001, 3, 6, jump\n", "unknown action 'jump'"),
        ("video_clips.txt", "Subject1, having_meal, 001, 1, 3, pick\n", "'pick' changes nothing"),
        ("video_clips.txt", "Subject1, having_meal, 001, 3, 60, pick\n", "outside the 12 frames"),
        ("video_clips.txt", "Subject1, having_meal, 9, 3, 6, pick\n", "video 'Subject1/having_meal/9': has no boxes"),
        ("all/Subject1/having_meal/001.json", '{"person_id": ', "001.json: is not json"),
        ("all/Subject1/having_meal/001.json", None, "has 11 labels for 12 frames"),
    ],
)
def test_damage_is_named(cad_root: Path, file: str, content: str | None, message: str) -> None:
    path = cad_root / "annotations" / file
    if content is None:
        data = json.loads(path.read_text())
        data["relations"][0]["rel_list"].pop()
        content = json.dumps(data)
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        CAD120Graphs(cad_root, "test")


def test_missing_files_say_what_to_put_where(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no CAD-120 annotations .put annotations.zip of https"):
        CAD120Graphs(tmp_path, "test")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fold": 5}, "fold: is 5"),
        ({"unit": "shot"}, "unit: is 'shot'"),
        ({"features": ("colour",)}, "features=.'colour'.: unknown"),
        ({"num_frames": 0}, "num_frames: is 0"),
    ],
)
def test_options_are_checked(cad_root: Path, options: dict, message: str) -> None:
    with pytest.raises(DataError, match=message):
        CAD120Graphs(cad_root, "test", **options)


def counts_in_json(video: dict, begin: int, end: int) -> dict[str, int]:
    """What a file of the annotation says about frames ``begin`` to ``end``, by no code of the package."""
    boxes = {track["obj_id"]: np.array(track["loc_list"])[begin : end + 1] for track in video["locations"]}
    there = {thing: (box[:, 2] > 0) & (box[:, 3] > 0) for thing, box in boxes.items()}  # [frames]
    in_frame = np.stack(list(there.values())).sum(0)
    return {
        "regions": int(in_frame.sum()),
        "spatial": int((in_frame * (in_frame - 1)).sum()),
        "temporal": sum(int((seen[1:] & seen[:-1]).sum()) for seen in there.values()),
        "relation": sum(
            int((there[one] & there[other]).sum()) for one, other in (r["obj_ids"] for r in video["relations"])
        ),
    }


@pytest.mark.real
def test_edges_of_real_clips_are_the_annotation_s(real_data: Path) -> None:
    dataset = CAD120Graphs(real_data / "cad120", "all", num_frames=None)
    assert len(dataset.videos) == 390
    archive = zipfile.ZipFile(real_data / "cad120" / "annotations.zip")
    videos: dict[str, dict] = {}
    total: Counter[str] = Counter()
    for place in range(0, 390, 6):  # all of them were compared once; it takes half a minute
        unit, graph = dataset.units[place], dataset.video_graphs[place]
        name = unit.recording.name
        if name not in videos:
            videos[name] = json.loads(archive.read(f"annotations/all/{name}.json"))
        wanted = counts_in_json(videos[name], unit.begin, unit.end)
        assert graph_counts(graph) == wanted
        total.update(wanted)
    assert min(total.values()) > 5_000  # no test of empty graphs


@pytest.mark.real
@pytest.mark.parametrize(("fold", "clips"), [(1, 106), (2, 96), (3, 98), (4, 90)])
def test_real_splits(real_data: Path, fold: int, clips: int) -> None:
    dataset = CAD120Graphs(real_data / "cad120", "test", fold=fold)
    assert (len(dataset.videos), len(dataset)) == (clips, 5 * clips)
    (subject,) = {name.split("/")[0] for name in dataset.videos}
    lines = zipfile.ZipFile(real_data / "cad120" / "annotations.zip").read("annotations/video_clips.txt").decode()
    labelled = [line.split(",") for line in lines.splitlines() if line.startswith(f"{subject},")]
    assert sum(fields[-1].strip() != "null" for fields in labelled) == clips
    counts = Counter(unit.actions[0].name for unit in dataset.units)
    assert set(counts) == {"open", "close", "pick", "place", "drink", "eat", "microwave_food", "take_food", "clean"}
