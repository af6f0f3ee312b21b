"""AllenNLP's labeller through its protocol: a fake worker, the real worker's serving loop, and every failure."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graphvtr.errors import DataError
from graphvtr.graphs import RoleGraph
from graphvtr.text import AllenNLPParser, RoleParser, SpacyRoleParser, allennlp_worker

# the real worker's loop, with a labeller that takes the third word for the verb and needs no AllenNLP
FAKE = f"""
import sys
sys.path.insert(0, {str(Path(allennlp_worker.__file__).parent)!r})
import allennlp_worker

def load(archive, cuda_device):
    print("a library talks", archive, cuda_device)  # must not reach the protocol
    def label(sentences):
        results = []
        for words in sentences:
            if words[0] == "fail":
                raise ValueError("no such word")
            if words[0] == "die":
                sys.stderr.write("the last words\\n"); sys.stderr.flush()
                import os; os._exit(3)
            if words[0] == "sleep":
                import time; time.sleep(300)
            if words[0] == "short":
                results.append({{"words": words, "verbs": [{{"verb": "x", "tags": ["O"] * (len(words) + 1)}}]}})
                continue
            tags = ["B-ARG0", "I-ARG0", "B-V"] + ["B-ARG1"] * (len(words) > 3) + ["I-ARG1"] * (len(words) - 4)
            verbs = [{{"verb": words[2], "tags": tags}}] if len(words) > 2 else []
            results.append({{"words": words, "verbs": verbs}})
        return results
    return label, "0.fake"

allennlp_worker.load = load
allennlp_worker.main()
"""

GREETING = "print('{\"ready\": 1}', flush=True); input(); "
Starter = Callable[..., AllenNLPParser]


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "srl.tar.gz"
    path.write_bytes(b"the worker reads it")
    return path


@pytest.fixture
def start(tmp_path: Path, archive: Path, parser: SpacyRoleParser) -> Iterator[Starter]:
    """Starts parsers over a worker's source, and ends their processes."""
    started: list[AllenNLPParser] = []

    def start(source: str = FAKE, **options: Any) -> AllenNLPParser:
        worker = tmp_path / "worker.py"
        worker.write_text(source)
        started.append(AllenNLPParser(sys.executable, archive, worker=worker, timeout=120.0, **options))
        return started[-1]

    yield start
    for one in started:
        one.close()


def test_graphs_of_a_fake_worker(
    start: Starter, frames_of: Callable[[RoleGraph], list[tuple[str, list[tuple[str, str]]]]]
) -> None:
    labeller = start()
    assert isinstance(labeller, RoleParser)
    graphs = list(labeller.parse(["A dog chases the cat.", "two cats"], batch_size=1))
    assert frames_of(graphs[0]) == [("chases", [("ARG0", "a dog"), ("ARG1", "the cat")])]
    assert graphs[1].role_names() == ["NOUN"]
    assert [graph.caption for graph in graphs] == ["A dog chases the cat.", "two cats"]
    assert str(labeller.rules.version) in labeller.version


def test_one_process_serves_all_and_ends_with_the_parser(start: Starter) -> None:
    labeller = start()
    assert labeller._process is None, "nothing is started before it is needed"
    list(labeller.parse(["a dog barks"] * 5, batch_size=2))
    worker = labeller._process
    assert worker is not None
    assert worker._count == 3
    process = worker._process
    assert process.poll() is None
    labeller.close()
    assert process.poll() is not None
    assert labeller.parse_one("a dog barks").num_actions == 1, "a new process"


def test_labels_of_given_and_of_found_predicates(start: Starter) -> None:
    labeller = start()
    tokens = "the dog barks loudly".split()
    found = next(labeller.label_many([(tokens, None)]))
    assert found == [(2, [("ARG0", 0, 1), ("ARG1", 3, 3)])]
    assert next(labeller.label_many([(tokens, [1, 2])])) == [(1, []), found[0]]


@pytest.mark.parametrize(
    ("caption", "message"),
    [
        ("fail now please", "has failed on 'fail now please' ...: ValueError: no such word"),
        ("die now please", "has died: the last words"),
        ("short one here", "sentence 'short one here': has no tag for each of its words"),
    ],
)
def test_a_failing_worker_is_a_clear_error(start: Starter, caption: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        start().parse_one(caption)


def test_a_failure_ends_one_question_only(start: Starter) -> None:
    labeller = start()
    with pytest.raises(DataError, match="no such word"):
        labeller.parse_one("fail now please")
    assert labeller.parse_one("a dog barks").num_actions == 1


def test_a_silent_worker_is_given_up(start: Starter) -> None:
    labeller = start()
    labeller.parse_one("a dog barks")
    assert labeller._process is not None
    labeller._process.timeout = 0.2
    with pytest.raises(DataError, match=r"did not answer in 0\.2 s \(raise timeout\)"):
        labeller.parse_one("sleep for long")
    assert labeller.parse_one("a dog barks").num_actions == 1, "another one is started"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("raise SystemExit('ModuleNotFoundError: allennlp')", "has died: ModuleNotFoundError: allennlp"),
        ("raise SystemExit(4)", "has died: exit code 4"),
        ("print('hello')", "says 'hello', which is no answer"),
        ("print([1])", "which is no answer"),
        ("print('{\"ready\": 99}')", "speaks another protocol"),
        (GREETING + 'print(\'{"id": 7, "results": []}\')', "belongs to no question"),
        (GREETING + 'print(\'{"id": 0, "results": [1]}\')', "has no tag for each"),
    ],
)
def test_other_programs_are_no_workers(start: Starter, source: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        start(source).parse_one("a dog barks")


@pytest.mark.parametrize("missing", ["python", "archive", "worker"])
def test_missing_files_are_named(archive: Path, tmp_path: Path, missing: str) -> None:
    paths: dict[str, Any] = {"python": sys.executable, "archive": archive, "worker": archive}
    paths[missing] = tmp_path / "nothing"
    with pytest.raises(DataError, match=f"^{missing} .*nothing: no such file"):
        AllenNLPParser(paths["python"], paths["archive"], worker=paths["worker"])


def test_an_interpreter_that_cannot_be_run(archive: Path) -> None:
    with pytest.raises(DataError, match=r"does not start: (Permission denied|Exec format error)"):
        AllenNLPParser(archive, archive).parse_one("a dog barks")


def test_the_real_worker_says_what_it_misses(archive: Path) -> None:
    done = subprocess.run(
        [sys.executable, allennlp_worker.__file__, str(archive)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode != 0
    assert "No module named 'allennlp'" in done.stderr
    assert done.stdout == ""


def test_the_worker_is_one_file_for_old_pythons() -> None:
    source = Path(allennlp_worker.__file__).read_text()
    assert "graphvtr" not in "\n".join(line for line in source.splitlines() if line.startswith(("import", "from")))
    compile(source, "worker", "exec", dont_inherit=True, flags=0)
    import ast

    ast.parse(source, feature_version=(3, 7))


def test_the_serving_loop() -> None:
    sent: list[dict[str, Any]] = []
    lines = io.StringIO('{"id": 4, "sentences": [["a"]]}\n{"id": 5, "sentences": []}\n')

    def label(sentences: list[list[str]]) -> list[dict[str, Any]]:
        if not sentences:
            raise RuntimeError("nothing to do")
        return [{"words": words, "verbs": []} for words in sentences]

    allennlp_worker.serve(label, "2", lines, sent.append)
    assert [json.dumps(message) for message in sent] == [
        '{"ready": 1, "version": "2"}',
        '{"id": 4, "results": [{"words": ["a"], "verbs": []}]}',
        '{"id": 5, "error": "RuntimeError: nothing to do"}',
    ]


@pytest.fixture
def labeller(start: Starter) -> AllenNLPParser:
    return start()


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(texts=st.lists(st.text(max_size=40), min_size=1, max_size=3))
def test_any_string_gives_a_valid_graph_or_a_clear_error(labeller: AllenNLPParser, texts: list[str]) -> None:
    try:
        graphs = list(labeller.parse(texts))
    except DataError:
        return
    assert all(graph.validate() for graph in graphs)
    assert [graph.caption for graph in graphs] == texts
