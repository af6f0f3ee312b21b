"""What a file may not name: a program, a module, another file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch

from benchmarks.lib.hostile.case import Reader, case, checkpoint, index, model_folder

PARSERS = {
    "a program": "allennlp:python=/bin/sh,archive=/etc/hostname,worker={folder}/README.md",
    "a module": "spacy:model=antigravity",
    "an archive": "bert-srl:archive=/etc/passwd",
    "a path": "/etc/passwd.json",
    "a tar.gz": "evil.tar.gz",
    "a file of Python": "{folder}/evil.py:x",
    "nothing known": "\x1b[31mred",
}


def _evaluated(path: Path) -> Reader:
    """What ``graphvtr eval`` does first."""
    from graphvtr import load
    from graphvtr.datasets import DataSource
    from graphvtr.tasks.open import dataset_for

    source = DataSource(options={"num_clips": 20, "progress": False})
    return lambda: dataset_for(load(path), "moving_scenes", "val", source)


def _named_by_files(name: str, parser: str) -> None:
    @case(f"checkpoint names {name} as parser")
    def make(folder: Path) -> Reader:
        return _evaluated(checkpoint(folder, parser=parser.format(folder=folder)))

    @case(f"config.json names {name} as parser")
    def export(folder: Path) -> Reader:
        model_folder(folder, lambda content: content["info"].update(parser=parser.format(folder=folder)))
        return _evaluated(folder)

    @case(f"run configuration names {name} as parser")
    def configure(folder: Path) -> Reader:
        from graphvtr.tasks.config import Configuration

        told = {"data": "moving_scenes", "parser": parser.format(folder=folder), "out": "x"}
        (folder / "c.yaml").write_text(json.dumps(told))
        return lambda: Configuration("hgr", ["--config", str(folder / "c.yaml")])

    @case(f"index names {name} as parser")
    def search(folder: Path) -> Reader:
        from graphvtr.search import Index

        path = index(folder)
        content = json.loads((path / "manifest.json").read_text())
        content["parser"] = parser.format(folder=folder)
        del content["crc32"]  # as older ones are
        (path / "manifest.json").write_text(json.dumps(content))
        return lambda: Index.open(path).search("a dog runs")


for _name, _parser in PARSERS.items():
    _named_by_files(_name, _parser)


@case("run configuration names a program as data set")
def _(folder: Path) -> Reader:
    from graphvtr.tasks.config import Configuration

    (folder / "evil.py").write_text("raise SystemExit(3)")
    (folder / "c.yaml").write_text(json.dumps({"data": f"{folder}/evil.py:x", "out": "x"}))
    return lambda: Configuration("hgr", ["--config", str(folder / "c.yaml")])


@case("checkpoint names a file as features")
def _(folder: Path) -> Reader:
    from graphvtr.nn.feeding import pipeline_of
    from graphvtr.tasks.checkpoint import load

    model = load(checkpoint(folder, featurizer="/etc/evil.onnx"))
    return lambda: pipeline_of(model)


@case("checkpoint holds an object")
def _(folder: Path) -> Reader:
    from graphvtr.tasks.checkpoint import load

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.system, (f"touch {folder / 'ran'}",)

    torch.save({"graphvtr": Evil()}, folder / "m.ckpt")
    return lambda: load(folder / "m.ckpt")
