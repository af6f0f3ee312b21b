"""The options of ``graphvtr train MODEL``, read from the sources without importing them.

``graphvtr train hgr --help`` answers at once this way; training itself goes by
:class:`graphvtr.tasks.config.Configuration`, and a test holds the two together. Options stand in the order of the
constructor, under the comments that part its signature into groups.
"""

from __future__ import annotations

import ast
import re
import shutil
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
PARTS = (
    ("run", "tasks/config.py", "RunConfig"),
    ("data", "datasets/source.py", "DataSource"),
    ("training", "tasks/options.py", "TrainOptions"),
)
FROM_DATA = {"self", "vocab_size", "video_dim", "region_dim", "concepts"}
SHIPPED = PACKAGE / "tasks" / "configs"
INDENT, QUOTES = 26, "'\""


@dataclass(frozen=True)
class Option:
    """An option as it is shown.

    Args:
        group: under which title.
        name: with the prefix ``model.`` for the model's own.
        kind: its annotation, or the words it may be.
        default: as written; empty for none.
        text: its line of ``Args``.
    """

    group: str
    name: str
    kind: str
    default: str
    text: str


def registered_in(model: str) -> Path | None:
    """The file of a built-in model; None for one of elsewhere."""
    for path in sorted((PACKAGE / "nn" / "models").glob("*.py")):
        if f'@MODELS.register("{model}")' in path.read_text(encoding="utf-8"):
            return path
    return None


def options_of(model: str) -> list[Option]:
    """All options of training a built-in model.

    Raises:
        LookupError: it is none, or its constructor cannot be found in the sources.
    """
    path = registered_in(model)
    if path is None:
        raise LookupError(model)
    parts = [option for title, file, name in PARTS for option in _fields(PACKAGE / file, name, title)]
    return parts + list(_arguments(path, model))


def shipped_names() -> list[str]:
    """The names of the shipped configurations."""
    return sorted(path.stem for path in SHIPPED.glob("*.yaml"))


def help_text(model: str) -> str:
    """What ``graphvtr train MODEL --help`` prints."""
    width = max(70, min(shutil.get_terminal_size().columns - 2, 120))
    lines = [f"usage: graphvtr train {model} --data NAME --out RUN [--config FILE] [option ...]", ""]
    lines += textwrap.wrap(
        f"Train {model}. Every option can stand in a YAML file given with --config; --print_config prints one. "
        f"--config also takes the name of a shipped configuration: {', '.join(shipped_names())}.",
        width,
    )
    group = ""
    for option in options_of(model):
        if option.group != group:
            group = option.group
            lines += ["", f"{group}:"]
        head = f"  --{option.name} {option.kind}".rstrip()
        tail = f" (default: {option.default.strip(QUOTES)})" if option.default not in ("", "None") else ""
        told = f" Known: {', '.join(_datasets())}." if option.name == "data" else ""
        body = textwrap.wrap(option.text + told + tail, max(30, width - INDENT)) or [""]
        first = body.pop(0) if len(head) < INDENT - 1 else ""
        lines.append(f"{head:{INDENT}}{first}".rstrip())
        lines += [" " * INDENT + line for line in body]
    return "\n".join(lines)


def _datasets() -> list[str]:
    files = (path.read_text(encoding="utf-8") for path in (PACKAGE / "datasets").rglob("*.py"))
    return sorted(
        name for text in files for name in re.findall(r'^@?DATASETS\.register\("([^"]+)"\)', text, re.MULTILINE)
    )


def _fields(path: Path, name: str, group: str) -> Iterator[Option]:
    found = _classes(path)[name]
    texts = documented(ast.get_docstring(found, clean=False) or "")
    for node in found.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            default = "" if node.value is None else ast.unparse(node.value).removeprefix("field(default_factory=dict)")
            yield Option(group, node.target.id, _kind(path, node.annotation), default, texts.get(node.target.id, ""))


def _arguments(path: Path, model: str) -> Iterator[Option]:
    """The constructor's arguments, of the nearest class with a constructor; texts of the classes above serve too."""
    name = _registered(path, model)
    texts: dict[str, str] = {}
    while True:
        found = _classes(path)[name]
        texts = {**documented(ast.get_docstring(found, clean=False) or ""), **texts}
        init = [node for node in found.body if isinstance(node, ast.FunctionDef) and node.name == "__init__"]
        if init:
            break
        base = found.bases[0]
        if not isinstance(base, ast.Name):
            raise LookupError(model)
        name, path = base.id, path if base.id in _classes(path) else _imported(path, base.id)
    arguments, lines = init[0].args, path.read_text(encoding="utf-8").splitlines()
    positional = [*arguments.posonlyargs, *arguments.args]
    blank = [None] * (len(positional) - len(arguments.defaults))
    group = f"model ({model})"
    for argument, default in (
        *zip(positional, [*blank, *arguments.defaults], strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ):
        comment = re.match(r"\s*# (.*)", lines[argument.lineno - 2])
        group = f"model: {comment.group(1)}" if comment else group
        if argument.arg not in FROM_DATA:
            yield Option(
                group,
                f"model.{argument.arg}",
                _kind(path, argument.annotation),
                "" if default is None else ast.unparse(default),
                texts.get(argument.arg, ""),
            )


def documented(docstring: str) -> dict[str, str]:
    """Argument -> text, of the ``Args`` section of a docstring as it stands in the source."""
    section = re.search(r"^ *Args:\n(.*?)(?:\n *\n|\Z)", docstring, re.DOTALL | re.MULTILINE)
    entries = re.findall(
        r"^ {8}(\w[\w, ]*): (.*?)(?=\n {8}\w|\Z)", section.group(1) if section else "", re.DOTALL | re.MULTILINE
    )
    return {
        name: re.sub(r":\w+:`|`", "", " ".join(text.split())) for names, text in entries for name in names.split(", ")
    }


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _classes(path: Path) -> dict[str, ast.ClassDef]:
    return {node.name: node for node in _tree(path).body if isinstance(node, ast.ClassDef)}


def _registered(path: Path, model: str) -> str:
    wanted = f"MODELS.register({model!r})"
    return next(
        name for name, found in _classes(path).items() if wanted in [ast.unparse(one) for one in found.decorator_list]
    )


def _imported(path: Path, name: str) -> Path:
    """The file of the package that a name is imported from.

    Raises:
        LookupError: there is none.
    """
    for node in _tree(path).body:
        if isinstance(node, ast.ImportFrom) and name in [alias.name for alias in node.names]:
            file = PACKAGE.parent / ((node.module or "").replace(".", "/") + ".py")
            if file.is_file():
                return file
    raise LookupError(name)


def _kind(path: Path, annotation: ast.expr | None) -> str:
    """An annotation as it is written, and the words of a ``Literal`` in place of its name."""
    if annotation is None:
        return ""
    parts = [_words(path, part.strip()) for part in ast.unparse(annotation).split("|")]
    parts = [part for part in parts if part != "None"]
    return {"bool": "true|false"}.get(parts[0], "|".join(parts))


def _words(path: Path, name: str) -> str:
    if not name.isidentifier():
        return name
    for node in _tree(path).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            values = re.findall(r"'([^']*)'", ast.unparse(node.value))
            return f"{{{','.join(values)}}}" if ast.unparse(node.value).startswith("Literal[") else name
    try:
        return _words(_imported(path, name), name)
    except LookupError:
        return name
