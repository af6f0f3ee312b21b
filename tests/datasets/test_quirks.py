"""Every schema with every quirk of real files: what should be read is read, and what is wrong is named."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import graphvtr.datasets.hgr_tree as hgr_tree
from graphvtr.datasets import DATASETS, DataSource, RetrievalDataset, build_dataset
from graphvtr.errors import DataError

Captions = Mapping[str, list[str]]
Source = Callable[..., DataSource]


def dump(content: object) -> str:
    """Json over many lines, so that it has line ends to be quirky about."""
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def table(header: list[str], rows: list[list[str]], delimiter: str = ",") -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows([header, *rows])
    return out.getvalue()


def pairs(captions: Captions) -> list[tuple[str, str]]:
    return [(video, caption) for video, sentences in captions.items() for caption in sentences]


def msrvtt(captions: Captions) -> dict[str, str]:
    sentences = [
        {"sen_id": number, "video_id": video, "caption": caption}
        for number, (video, caption) in enumerate(pairs(captions))
    ]
    return {
        "MSRVTT_data.json": dump(
            {"videos": [{"video_id": v, "split": "test"} for v in captions], "sentences": sentences}
        )
    }


def msrvtt_1ka(captions: Captions) -> dict[str, str]:
    rows = [[f"ret{n}", "msr", video, caption] for n, (video, caption) in enumerate(pairs(captions))]
    return {"MSRVTT_JSFUSION_test.csv": table(["key", "vid_key", "video_id", "sentence"], rows)}


def msrvtt_1kb(captions: Captions) -> dict[str, str]:
    return msrvtt(captions) | {"test_list_miech.txt": "".join(f"{video}\n" for video in captions)}


def msvd(captions: Captions) -> dict[str, str]:
    return {"captions_msvd.json": dump(captions), "test_list.txt": "".join(f"{video}\n" for video in captions)}


def youtube2text(captions: Captions) -> dict[str, str]:
    number = {video: f"vid{1301 + place}" for place, video in enumerate(captions)}
    return {
        "sents_test_lc_nopunc.txt": "".join(f"{number[video]}\t{caption}\n" for video, caption in pairs(captions)),
        "youtube_mapping.txt": "".join(f"{video} {vid}\n" for video, vid in number.items()),
    }


def vatex(captions: Captions) -> dict[str, str]:
    entries = [{"videoID": video, "enCap": sentences, "chCap": ["一"]} for video, sentences in captions.items()]
    return {"vatex_training_v1.0.json": dump(entries)}


def tgif(captions: Captions) -> dict[str, str]:
    url = "https://38.media.tumblr.com/{}.gif".format
    return {
        "tgif-v1.0.tsv": "".join(f"{url(video)}\t{caption}\n" for video, caption in pairs(captions)),
        "splits/test.txt": "".join(f"{url(video)}\n" for video in captions),
    }


def tgif_qa(captions: Captions) -> dict[str, str]:
    rows = [[video, "what ?", caption] for video, caption in pairs(captions)]
    return {"Test_frameqa_question.csv": table(["gif_name", "question", "description"], rows, "\t")}


def activitynet(captions: Captions) -> dict[str, str]:
    return {
        "train.json": dump(
            {
                video: {"duration": 9, "timestamps": [[0, 9]] * len(sentences), "sentences": sentences}
                for video, sentences in captions.items()
            }
        )
    }


def youcook2(captions: Captions) -> dict[str, str]:
    database = {
        video: {
            "subset": "training",
            "annotations": [{"segment": [0, 9], "id": n, "sentence": text} for n, text in enumerate(sentences)],
        }
        for video, sentences in captions.items()
    }
    return {"youcookii_annotations_trainval.json": dump({"database": database})}


def charades_sta(captions: Captions) -> dict[str, str]:
    return {"charades_sta_test.txt": "".join(f"{video} 0.0 9.0##{caption}\n" for video, caption in pairs(captions))}


def tvr(captions: Captions) -> dict[str, str]:
    lines = [
        {"vid_name": video, "duration": 9.0, "ts": [0.0, 9.0], "desc": caption, "desc_id": number, "type": "v"}
        for number, (video, caption) in enumerate(pairs(captions))
    ]
    return {"tvr_val_release.jsonl": "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)}


def folder(captions: Captions) -> dict[str, str]:
    rows = [[video, caption, "test"] for video, caption in pairs(captions)]
    return {"captions.csv": table(["video", "caption", "split"], rows)}


def hgr(captions: Captions) -> dict[str, str]:
    return {"annotation/RET/ref_captions.json": dump(captions), "annotation/RET/sent2srl.json": dump({})}


@dataclass(frozen=True)
class Schema:
    """How a dataset's files are written; what its format cannot hold."""

    write: Callable[[Captions], dict[str, str]]
    split: str = "test"
    options: tuple[tuple[str, object], ...] = ()
    line_ends: bool = True  # captions may hold them
    slashes: bool = True  # names may
    repeats: bool = True  # a caption may stand twice for its video
    joined: bool = False  # the captions of a video are one


SCHEMAS = {
    "msrvtt": Schema(msrvtt),
    "msrvtt_1ka": Schema(msrvtt_1ka),
    "msrvtt_1kb": Schema(msrvtt_1kb, repeats=False),  # the first caption of each video
    "msvd": Schema(msvd),
    "youtube2text": Schema(youtube2text, line_ends=False),
    "vatex": Schema(vatex, "train"),
    "tgif": Schema(tgif, line_ends=False, slashes=False),  # names are those of files in urls
    "tgif_qa": Schema(tgif_qa, repeats=False),  # a description stands once for each of its questions
    "activitynet": Schema(activitynet, "train", joined=True),
    "youcook2": Schema(youcook2, "train", (("unit", "video"),), joined=True),
    "charades_sta": Schema(charades_sta, line_ends=False),
    "tvr": Schema(tvr),
    "folder": Schema(folder),
    "hgr": Schema(hgr),
}
CAPTIONS = {"one": ["a dog runs", "the dog is wet"], "two": ["a cat sleeps"], "three": ["people sing"]}


@pytest.fixture
def build(tmp_path: Path, source: Source, monkeypatch: pytest.MonkeyPatch) -> Callable[..., RetrievalDataset]:
    """``build(name, captions, quirk, have)``: writes the files, each passed through ``quirk``, and reads the split."""

    def make(
        name: str,
        captions: Captions,
        quirk: Callable[[str], str] = str,
        have: list[str] | None = None,
        missing: str | None = None,
    ) -> RetrievalDataset:
        schema, root = SCHEMAS[name], tmp_path / "root"
        for file, text in schema.write(captions).items():
            path = root / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(quirk(text).encode())
        features = source(list(captions) if have is None else have, missing, **dict(schema.options))
        if name == "hgr":
            features = released_features(root, features, list(captions), have, monkeypatch)
        return build_dataset(name, schema.split, features)

    return make


def released_features(
    root: Path, source: DataSource, videos: list[str], have: list[str] | None, monkeypatch: pytest.MonkeyPatch
) -> DataSource:
    """Names and features of an HGR tree, whose captions are parsed without a parser."""
    h5py = pytest.importorskip("h5py")
    (root / "public_split").mkdir()
    np.save(root / "public_split" / "tst_names.npy", np.array(videos))
    place = root / "ordered_feature" / "SA" / "resnet"
    place.mkdir(parents=True)
    with h5py.File(place / "tst_ft.hdf5", "w") as file:
        for video in videos if have is None else have:
            file[video.replace("/", "_")] = np.ones((2, 3), np.float16)
    from graphvtr.datasets import captioned

    monkeypatch.setattr(hgr_tree, "parse_with", captioned.parse_with)  # what the fixture has put there
    return DataSource(root=root, missing=source.missing, parser="spacy")


def said(name: str, captions: Captions) -> list[str]:
    """The captions as the dataset should have them."""
    tidy = {video: [" ".join(text.split()) for text in sentences] for video, sentences in captions.items()}
    if SCHEMAS[name].joined:
        return [" ".join(sentences) for sentences in tidy.values()]
    if not SCHEMAS[name].repeats:
        tidy = {video: list(dict.fromkeys(sentences)) for video, sentences in tidy.items()}
        if name == "msrvtt_1kb":
            tidy = {video: sentences[:1] for video, sentences in tidy.items()}
    return [text for sentences in tidy.values() for text in sentences]


everything = pytest.mark.parametrize("name", SCHEMAS)


def test_every_dataset_with_files_of_captions_is_here() -> None:
    others = {"cad120", "moving_scenes", "msrvtt_1ka_7k"}  # no such files; the same reader as msrvtt_1ka
    assert {name for name in DATASETS if not name.startswith("test_")} - others == set(SCHEMAS)


@everything
@pytest.mark.parametrize(
    "quirk",
    [
        pytest.param(str, id="none"),
        pytest.param("\ufeff{}".format, id="byte order mark"),
        pytest.param(lambda text: text.replace("\n", "\r\n"), id="windows line ends"),
        pytest.param(lambda text: "\ufeff" + text.replace("\n", "\r\n"), id="both"),
        pytest.param(lambda text: text.rstrip("\n"), id="no line end at the end"),
        pytest.param(lambda text: text + "\n\n", id="blank lines at the end"),
    ],
)
def test_marks_and_line_ends(build: Callable[..., RetrievalDataset], name: str, quirk: Callable[[str], str]) -> None:
    dataset = build(name, CAPTIONS, quirk)
    assert dataset.videos == list(CAPTIONS)
    assert dataset.captions == said(name, CAPTIONS)
    assert dataset.report.without_captions == dataset.report.without_features == []


@everything
@pytest.mark.parametrize(
    "caption",
    [
        "a man, a dog, and a cat",
        'he says "go", loudly',
        "it's the dog's",
        "ein Kätzchen — 猫",
        "  two  spaces ",
        "a\nb\r\nc",
    ],
)
def test_commas_quotes_and_line_ends(build: Callable[..., RetrievalDataset], name: str, caption: str) -> None:
    if "\n" in caption and not SCHEMAS[name].line_ends:
        pytest.skip("a caption is a line")
    captions = {"one": [caption], "two": ["a cat sleeps"]}
    dataset = build(name, captions)
    if name == "hgr":  # its graphs are found by the sentence as it stands
        assert dataset.captions == [caption, "a cat sleeps"]
        return
    assert dataset.captions == said(name, captions)
    assert [graph.words for graph in dataset.role_graphs] == [text.split() for text in said(name, captions)]


@everything
def test_names_with_slashes(build: Callable[..., RetrievalDataset], name: str) -> None:
    if not SCHEMAS[name].slashes:
        pytest.skip("names are those of files")
    captions = {"a/b/one": ["a dog runs"], "a/two.v2": ["a cat sleeps"]}
    assert build(name, captions).videos == list(captions)


@everything
def test_repeated_captions_are_reported(build: Callable[..., RetrievalDataset], name: str) -> None:
    captions = {"one": ["a dog runs", "a dog runs", "the dog"], "two": ["a dog runs"]}
    dataset = build(name, captions)
    assert dataset.captions == said(name, captions)
    told = [line for line in dataset.report.lines() if "more than once" in line]
    line = "1 caption stands more than once for their video (kept, unless --option duplicate_captions=drop)"
    assert told == [line] * (SCHEMAS[name].repeats and not SCHEMAS[name].joined)


@everything
def test_videos_without_features(
    build: Callable[..., RetrievalDataset], name: str, caplog: pytest.LogCaptureFixture
) -> None:
    dataset = build(name, CAPTIONS, have=["three", "one"], missing="skip")
    assert dataset.videos == ["one", "three"]
    assert dataset.captions == said(name, {video: CAPTIONS[video] for video in ("one", "three")})
    assert dataset.report.without_features == ["two"]
    assert "2 of 3 listed videos have features" in caplog.text


@everything
def test_no_video_with_features(build: Callable[..., RetrievalDataset], name: str) -> None:
    with pytest.raises(DataError, match=r"video 'one': has no feature .3 of 3 listed videos lack one"):
        build(name, CAPTIONS, have=["other"])


@everything
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is empty|no lines|is not json"),
        ("\n", "is empty|no column|is not json"),
        ("\ufeff", "is empty|no column|is not json"),
    ],
)
def test_empty_files_are_named(
    build: Callable[..., RetrievalDataset], name: str, text: str, problem: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=problem) as caught:
        build(name, CAPTIONS, lambda _: text)
    files = [re.escape(str(tmp_path / "root" / file)) for file in SCHEMAS[name].write(CAPTIONS)]
    assert re.match("|".join(files), str(caught.value)), caught.value


@everything
def test_no_utf8_is_named(
    build: Callable[..., RetrievalDataset], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(name, CAPTIONS)
    for file in SCHEMAS[name].write(CAPTIONS):
        path = tmp_path / "root" / file
        whole = path.read_bytes()
        path.write_bytes(whole.replace(b"o", b"\xff", 1))
        if file == "annotation/RET/sent2srl.json":
            continue
        source = DataSource(root=tmp_path / "root", store=tmp_path / "store", parser="spacy")
        with pytest.raises(DataError, match=re.escape(file)):
            build_dataset(name, SCHEMAS[name].split, source)
        path.write_bytes(whole)


@pytest.mark.parametrize("name", ["msvd", "activitynet", "youcook2", "hgr"])
def test_a_video_that_stands_twice_in_json_is_named(build: Callable[..., RetrievalDataset], name: str) -> None:
    def twice(text: str) -> str:
        return text.replace('"two":', '"one":')

    with pytest.raises(DataError, match="'one': is there twice"):
        build(name, CAPTIONS, twice)
