"""Imports that wait until they are needed: what makes one query start quickly."""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader
from pathlib import Path
from types import ModuleType
from typing import Any

WAITING = frozenset(
    """
    torch._dynamo torch._meta_registrations torch.export torch_geometric.datasets torch_geometric.profile
    torch_geometric.llm torch_geometric.explain torch_geometric.loader torch_geometric.sampler torch_geometric.io.fs
    networkx h5py spacy.cli.info
    """.split()
)
"""Modules that torch, torch_geometric and spacy import on the way and that a query does not need."""
GATHERED = set(
    """
    torch_geometric torch_geometric.data torch_geometric.io torch_geometric.nn torch_geometric.nn.conv
    torch_geometric.nn.dense torch_geometric.transforms spacy.cli
    graphvtr.datasets graphvtr.tasks graphvtr.video
    """.split()
)
"""Packages whose own file collects the names of a hundred modules: each name is taken from its module when it is asked
for, and the file is run when it is asked for what it makes itself."""
FIRST = {
    "torch_geometric": ("torch_geometric.utils",),
    "torch._dynamo": ("torch.export", "torch._meta_registrations"),
}
"""What goes before: modules import each other, and only in the order in which torch and torch_geometric do it."""
LATE = {("spacy.cli.info", "info")}
"""Functions of waiting modules that others hand on and do not call: they too wait for who does."""
FILLED = {"graphvtr.datasets": ("DATASETS", "build_dataset")}
"""Names that are of use when the file of such a package has run."""
_ASKED_OF_ALL = frozenset(("__wrapped__", "__warningregistry__"))  # by tools that look through all modules


class _Waiting(ModuleType):
    """A module that is run when something of it is first asked for.

    ``importlib.util.LazyLoader`` would run it as soon as ``inspect`` looks through the files of all modules, which
    torch makes it do whenever an operator is registered; its file is known here without running it.
    """

    def __getattr__(self, name: str) -> Any:
        if name in _ASKED_OF_ALL or (name == "__path__" and self.__spec__.loader.search_path is None):  # type: ignore[union-attr]
            raise AttributeError(name)
        if self.__name__ == "torch._dynamo" and name == "disable":
            return functools.partial(_disable, self)
        if (self.__name__, name) in LATE:
            return functools.partial(_late, self, name)
        _run(self)
        return getattr(self, name)


def _run(module: ModuleType) -> None:
    """Run a waiting module after all."""
    if isinstance(module, _Waiting):
        for name in FIRST.get(module.__name__, ()):
            _run(importlib.import_module(name))
        module.__spec__.loader.run(module)  # type: ignore[union-attr]


def _late(module: ModuleType, name: str, *args: Any, **options: Any) -> Any:
    _run(module)
    return vars(module)[name](*args, **options)


class _Gathered(_Waiting):
    """A package of :data:`GATHERED`."""

    def __getattr__(self, name: str) -> Any:
        if name in _ASKED_OF_ALL:
            raise AttributeError(name)
        found = _taken(self.__name__, name)
        if found is None:
            _run(self)
            return getattr(self, name)
        home, own = found
        module = importlib.import_module(home)
        value = module if own is None else getattr(module, own)
        setattr(self, name, value)
        return value


@functools.cache
def _table(package: str) -> tuple[dict[str, tuple[str, str | None]], list[str]]:
    """What the file of a package imports: name -> module and the name there (None for the module itself); and the
    modules of which it takes all names."""
    names: dict[str, tuple[str, str | None]] = {}
    stars: list[str] = []
    for line in ast.parse(Path(str(sys.modules[package].__file__)).read_bytes()).body:
        if isinstance(line, ast.ImportFrom):
            home = importlib.util.resolve_name("." * line.level + (line.module or ""), package)
            stars += [home for one in line.names if one.name == "*"]
            names |= {one.asname or one.name: (home, one.name) for one in line.names}
        elif isinstance(line, ast.Import):
            inner = [one.name for one in line.names if one.name.startswith(f"{package}.")]
            names |= {name[len(package) + 1 :].partition(".")[0]: (name, None) for name in inner}
    return names, stars


def _taken(package: str, name: str) -> tuple[str, str | None] | None:
    """Where a package takes a name from; None where its file would have to be run to know."""
    names, stars = _table(package)
    if name in FILLED.get(package, ()):
        return None
    if name in names:
        return names[name]
    if importlib.util.find_spec(f"{package}.{name}") is not None:
        return f"{package}.{name}", None
    for star in set(stars) & GATHERED:
        importlib.import_module(star)
        if name in _table(star)[0]:
            return _table(star)[0][name]
    return None


def _disable(dynamo: Any, function: Any = None, *args: Any, **options: Any) -> Any:
    """``torch._dynamo.disable`` for as long as nobody compiles: many a module decorates its functions with it."""
    if function is None:
        return lambda given: _disable(dynamo, given, *args, **options)
    kept: list[Callable[..., Any]] = []

    @functools.wraps(function)
    def call(*values: Any, **named: Any) -> Any:
        if not kept and type(dynamo) is not _Waiting:
            kept.append(dynamo.disable(function, *args, **options))
        return (kept[0] if kept else function)(*values, **named)

    return call


class _WaitingLoader(Loader):
    """Loads a module as another loader would, but later."""

    def __init__(self, loader: Any) -> None:
        self.loader = loader

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        self.search_path = None
        if module.__name__ in GATHERED:
            module.__class__ = _Gathered
            for name in FIRST.get(module.__name__, ()):
                importlib.import_module(name)
            return
        self.search_path = module.__dict__.pop(
            "__path__", None
        )  # who imports a module of the package needs the package
        module.__class__ = _Waiting

    def run(self, module: ModuleType) -> None:
        """Run the module after all."""
        module.__class__ = ModuleType
        module.__spec__.loader = module.__loader__ = self.loader  # type: ignore[union-attr]
        if self.search_path is not None:
            module.__path__ = self.search_path
        self.loader.exec_module(module)


class _WaitingFinder:
    """Finds the modules of :data:`WAITING` and :data:`GATHERED`."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name not in WAITING and name not in GATHERED:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _WaitingLoader(spec.loader)
        return spec


def lazily(*gathered: str) -> None:
    """From now on the modules of :data:`WAITING` that are not imported yet are run when they are used.

    For a command that starts, answers and ends. Nothing changes but when the work is done.

    Args:
        gathered: more packages to treat as :data:`GATHERED`.
    """
    GATHERED.update(gathered)
    if _WaitingFinder not in sys.meta_path:
        sys.meta_path.insert(0, _WaitingFinder)  # type: ignore[arg-type]
