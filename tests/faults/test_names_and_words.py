"""Names of clips and words as people write them (issue 14, 8)."""

from __future__ import annotations

import argparse
import io
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from graphvtr.cli.main import CommandParser, build_parser, main
from graphvtr.datasets import DataSource, build_dataset
from graphvtr.datasets.files import read_table
from graphvtr.datasets.parsing import parse_captions
from graphvtr.errors import DataError
from graphvtr.names import lookup, spellings
from graphvtr.nn import HGR
from graphvtr.reading import lines_of
from graphvtr.search import build_index
from graphvtr.tasks import CheckpointInfo, save_checkpoint
from graphvtr.text import Vocabulary
from graphvtr.text.word_vectors import load_word_vectors
from graphvtr.video import FeatureStore

DECOMPOSED, COMPOSED = "cafe\u0301", "caf\u00e9"


def store_of(path: Path, *names: str) -> FeatureStore:
    store = FeatureStore.create(path, {"frame_x": 4})
    for name in names:
        store.add(name, {"frame_x": torch.randn(2, 4), "frame_time": torch.tensor([0.5, 1.5])})
    return store


# -- names of clips -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("sub\\beach.mp4", "beach"),
        ("sub\\beach.mp4", "sub/beach"),
        (COMPOSED, DECOMPOSED),
        (DECOMPOSED, COMPOSED),
        ("Beach.MP4", "beach"),
        ("beach.mp4", "BEACH"),
        ("Sub/Beach.mp4", "beach"),
    ],
)
def test_a_caption_file_finds_its_clips(written: str, stored: str, tmp_path: Path) -> None:
    (tmp_path / "captions.csv").write_text(f"video,caption,split\n{written},a dog runs,train\n", encoding="utf-8")
    source = DataSource(tmp_path, store_of(tmp_path / "store", stored, "other").path, cache=tmp_path / "cache")
    assert build_dataset("folder", "train", source).videos == [stored]


def test_names_that_could_be_several_are_not_guessed(tmp_path: Path) -> None:
    known = spellings(["Dog", "dog", "a/cat", "b/cat"])
    assert (lookup("DOG", known), lookup("cat", known), lookup("A/Cat", known)) == (None, None, "a/cat")
    assert (lookup("c/cat", known), lookup("c/beech", spellings(["beech"]))) == (None, "beech")  # cat/1 is not dog/1
    (tmp_path / "captions.csv").write_text("video,caption,split\nbeech,a dog runs,train\n")
    source = DataSource(tmp_path, store_of(tmp_path / "store", "beach", "other").path, cache=tmp_path / "cache")
    with pytest.raises(DataError, match=r"video 'beech': has no feature .*did you mean 'beach'"):
        build_dataset("folder", "train", source)


def test_names_with_a_leading_dash(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = store_of(tmp_path / "store", "-4wsuPCjDBc_5_15")
    assert main(["store", "info", str(store.path), "--clip=-4wsuPCjDBc_5_15"]) == 0
    with pytest.raises(SystemExit):
        main(["store", "info", str(store.path), "--clip", "-4wsuPCjDBc_5_15"])
    assert "--OPTION=-NAME, or after a bare --" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["store", "info", "-folder"])
    assert "after a bare --" in capsys.readouterr().err


def test_every_verb_says_so() -> None:
    def under(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
        yield parser
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                for one in action.choices.values():
                    yield from under(one)

    parsers = list(under(build_parser()))
    assert len(parsers) > 20
    assert all(isinstance(parser, CommandParser) for parser in parsers)


def test_clips_with_a_leading_dash_in_an_index(index: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["index", "delete", str(index), "--", "-no\x1b[31mne"]) == 1
    assert "-no\\x1b[31mne: is not in the index" in capsys.readouterr().err
    assert main(["search", str(index), "--video=-none", "--find", "clips"]) == 2
    assert "-none: no such file" in capsys.readouterr().err


def test_a_terminal_that_is_not_utf8(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build_index(tmp_path / "m.ckpt", store_of(tmp_path / "more", "café ☕", "犬"), tmp_path / "index")
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, encoding="cp1252"))
    assert main(["search", str(index), "a dog runs", "--parser", "spacy"]) == 0
    shown = written.getvalue().decode("cp1252")
    assert "café \\u2615" in shown
    assert "\\u72ac" in shown


# -- lines --------------------------------------------------------------------------------------------------------


def test_lines_are_those_of_files() -> None:
    text = "a\r\nb\u2028b\u0085b\x0bb\x0cb\rc\n\nd"
    assert lines_of(text) == ["a", "b\u2028b\u0085b\x0bb\x0cb", "c", "", "d"]
    assert lines_of(text) == [line.rstrip("\n") for line in io.TextIOWrapper(io.BytesIO(text.encode()), "utf-8")]
    assert (lines_of(""), lines_of("\n"), lines_of("a\n")) == ([], [""], ["a"])


def test_words_with_line_separators_are_words(tmp_path: Path) -> None:
    np.save(tmp_path / "e.npy", np.arange(6, dtype=np.float32).reshape(3, 2))
    (tmp_path / "e.txt").write_text("a\nx\u2028y\nb\n", encoding="utf-8")
    assert load_word_vectors(tmp_path / "e.npy").words == ["a", "x\u2028y", "b"]


# -- word vectors -------------------------------------------------------------------------------------------------


def test_a_byte_order_mark_is_no_letter(tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_text("\ufeffdog 1 2\ncat 3 4\n", encoding="utf-8")
    assert load_word_vectors(tmp_path / "v.txt").words == ["dog", "cat"]
    np.save(tmp_path / "e.npy", np.ones((2, 2), np.float32))
    (tmp_path / "e.txt").write_text("\ufeffdog\ncat\n", encoding="utf-8")
    assert load_word_vectors(tmp_path / "e.npy").words == ["dog", "cat"]


@pytest.mark.parametrize("wrong", ["nan", "inf"])
def test_vectors_that_are_no_numbers_are_refused(wrong: str, tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_text(f"dog 1 2\ncat 3 {wrong}\n")
    with pytest.raises(DataError, match=r"v.txt, line 2: word 'cat': has NaN or infinite"):
        load_word_vectors(tmp_path / "v.txt")
    assert load_word_vectors(tmp_path / "v.txt", keep=["dog"]).words == ["dog"]
    matrix = np.ones((2, 2), np.float32)
    matrix[1, 0] = float(wrong)
    np.save(tmp_path / "e.npy", matrix)
    (tmp_path / "e.txt").write_text("dog\ncat\n")
    with pytest.raises(DataError, match=r"e.npy: word 'cat' \(row 1\): has NaN or infinite .*1 of 2 rows"):
        load_word_vectors(tmp_path / "e.npy")


def test_words_are_found_however_they_are_spelt(tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_text(f"'s 1 2\n{COMPOSED} 3 4\nnaïve 5 6\n", encoding="utf-8")
    words = ["\u2019s", DECOMPOSED, "naïve", "zebra"]
    vocabulary = Vocabulary(words)
    for vectors in (load_word_vectors(tmp_path / "v.txt"), load_word_vectors(tmp_path / "v.txt", keep=words)):
        matrix, found = vectors.matrix_for(vocabulary)
        assert found[3:].tolist() == [True, True, True, False]
        assert matrix[3:, 0].tolist() == [1, 3, 5, 0]


# -- csv ----------------------------------------------------------------------------------------------------------

ROWS = [f"v{number},a dog runs" for number in range(8)]


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({2: 'v2,"a dog runs'}, 4),
        ({2: 'v2,"a dog runs', 5: 'v5,a dog" runs'}, 4),
        ({2: 'v2,"a dog runs', 5: 'v5,a dog runs"'}, 4),
        ({7: 'v7,"a dog'}, 9),
    ],
)
def test_stray_quotes_are_named(changed: dict[int, str], line: int, tmp_path: Path) -> None:
    path = tmp_path / "captions.csv"
    path.write_text("\n".join(["video,caption", *(changed.get(place, row) for place, row in enumerate(ROWS))]) + "\n")
    with pytest.raises(DataError, match=rf"captions.csv, line {line}: has a quote that nothing closes .*twice"):
        read_table(path, ["video", "caption"])


def test_quotes_that_csv_knows_are_read(tmp_path: Path) -> None:
    path = tmp_path / "captions.csv"
    path.write_text('video,caption\nv0,"a dog, wet,\nruns, fast"\nv1,"says ""hello"""\nv2,a 5" pipe" here\n')
    assert [row["caption"] for row in read_table(path, ["video", "caption"])][:2] == [
        "a dog, wet,\nruns, fast",
        'says "hello"',
    ]


# -- paragraphs ---------------------------------------------------------------------------------------------------


def test_a_paragraph_does_not_stop_a_split(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    long = "a dog runs and then " * 65 + "it sleeps"
    with caplog.at_level(logging.WARNING, logger="graphvtr"):
        graphs = parse_captions(["a cat sleeps", long], DataSource(cache=tmp_path))
    assert (len(graphs[0].words), len(graphs[1].words)) == (3, 200)
    (tmp_path / "captions.csv").write_text(f"video,caption,split\nbeach,{long},train\n")
    source = DataSource(tmp_path, store_of(tmp_path / "store", "beach").path, cache=tmp_path / "cache")
    with caplog.at_level(logging.WARNING, logger="graphvtr"):
        assert len(build_dataset("folder", "train", source)) == 1
    assert "1 captions are longer than 200 words and are cut, the first is caption 1" in caplog.text
    assert "the first is one of video 'beach'; --parser spacy:max_words=N takes more" in caplog.text


# -- queries ------------------------------------------------------------------------------------------------------


@pytest.fixture
def index(tmp_path: Path) -> Path:
    vocabulary = Vocabulary.from_captions([["a", "dog", "runs"]])
    model = HGR(len(vocabulary), 4, hidden=8, word_dim=4)
    save_checkpoint(tmp_path / "m.ckpt", model, vocabulary, CheckpointInfo("hgr", video_dim=4))
    build_index(tmp_path / "m.ckpt", store_of(tmp_path / "store", "a", "b"), tmp_path / "index")
    return tmp_path / "index"


def test_search_says_what_it_does_not_know(index: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["search", str(index)]
    parser = ["--parser", "spacy"]
    assert main([*command, "a zebra runs fast", *parser]) == 0
    captured = capsys.readouterr()
    assert "graphvtr: words the model has never seen: zebra, fast" in captured.err
    assert "never seen" not in captured.out
    assert main([*command, "a dog runs", *parser]) == 0
    assert "never seen" not in capsys.readouterr().err
    assert main([*command, "zebras gallop", *parser]) == 2
    assert "query 'zebras gallop': has no word that the model knows" in capsys.readouterr().err
