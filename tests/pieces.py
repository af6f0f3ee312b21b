"""What the workers of pytest-xdist are handed, and in which order: none waits long for the others at the end, and what
takes seconds to start is started by one of them."""

from __future__ import annotations

#: One worker runs these: they share a process that has imported everything and is forked for each child
#: (:func:`tests.processes.clean_context`), a Ray cluster, a MovingScenes of all splits.
TOGETHER = {
    "processes": (
        "cli/test_store.py",
        "cli/test_train.py",
        "datasets/moving_scenes/test_generate.py",
        "search/index/test_editing.py",
        "search/test_watch.py",
        "serve/test_run.py",
        "tasks/test_distributed.py",
        "test_extending.py",
        "test_pyg_citizen.py",
        "text/test_parse_file.py",
        "video/store/test_feature_store.py",
        "video/test_extract.py",
        "video/test_faults.py",
    ),
    "ray": ("search/test_shards.py", "tasks/test_tuning.py", "test_cluster.py"),
    "scenes": ("datasets/moving_scenes/test_dataset.py", "datasets/moving_scenes/test_sheet.py"),
}
PIECES = {f"tests/{name}": group for group, names in TOGETHER.items() for name in names}
#: The dearest pieces, which are begun first; the others come in random order.
FIRST = (
    "processes",
    "ray",
    "tests/ops/test_triton_interpreter.py",
    "tests/test_docs.py",
    "tests/test_stories.py",
    "tests/ops/test_triton_compile.py",
    "tests/tasks/test_compiled.py",
    "tests/cli/test_demo.py",
    "tests/test_notebooks.py",
    "scenes",
)


def piece(nodeid: str) -> str:
    """What a test is handed out with: its file, or the files that share something."""
    file = nodeid.split("::", 1)[0]
    return PIECES.get(file, file)


def place(nodeid: str) -> int:
    """By which tests are put in order."""
    name = piece(nodeid)
    return FIRST.index(name) if name in FIRST else len(FIRST)
