"""Fixtures shared by all tests."""

from __future__ import annotations

import os

if "PYTEST_XDIST_WORKER" in os.environ:  # side by side, one core each; before anything imports OpenMP
    os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")  # else it starts processes that import torch
import contextlib
import gc
import random
import resource
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning_utilities.core.rank_zero import rank_zero_only

from graphvtr import registry as registration
from graphvtr.cache_folder import cache_folder
from graphvtr.ending import handlers_kept
from graphvtr.ops import _backend
from graphvtr.ops.native_build import library
from graphvtr.registry import Registry, run_file
from tests.pairwise import thinned
from tests.pieces import piece, place
from tests.processes import ray_of_two


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--full-product``: nightly, or when a pair of values fails."""
    parser.addoption("--full-product", action="store_true", help="every combination of parameters, not every pair")


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """``--dist loadfile`` hands out the pieces of :mod:`tests.pieces`: files, some of them together."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    scheduling = LoadFileScheduling(config, log)
    scheduling._split_scope = piece
    return scheduling


@pytest.hookimpl(trylast=True)  # of the tests that -k, -m and the folder left
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests with many parameters run every pair of values, see :mod:`tests.pairwise`; the dearest come first."""
    if not config.getoption("full_product"):
        items[:] = thinned(items)
    items.sort(key=lambda item: place(item.nodeid))


def pytest_collection_finish() -> None:
    """What imports have made stays: the garbage collector need not look through it again and again."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish() -> None:
    """Libraries complain of what is not given back at the end."""
    gc.unfreeze()


def pytest_configure(config: pytest.Config) -> None:
    """Pytest-randomly, where it is installed, shuffles the tests; their random numbers are those of :func:`_seed`."""
    if hasattr(config.option, "randomly_reset_seed"):
        config.option.randomly_reset_seed = False


#: Without a GPU ``torch.manual_seed`` notes the whole stack of calls for each kind of device that may come yet, which
#: takes milliseconds before every test.
manual_seed = torch.manual_seed if torch.cuda.is_available() else torch.default_generator.manual_seed


def seed_everything() -> None:
    """The same random state for whatever comes next, in whichever order the tests run."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002  what code under test may draw from
    manual_seed(0)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Fixtures of a module or session draw the same numbers whichever test asks for them first."""
    seed_everything()


@pytest.fixture(autouse=True)
def _seed() -> None:
    """Every test starts from the same random state, whether or not it is the first to make a shared fixture."""
    seed_everything()


@pytest.fixture(autouse=True)
def _process_as_before() -> Iterator[None]:
    """What a test, or a library that it calls, sets for the whole process holds for this test: else the next ones
    depend on their order. What fixtures of a module or session set stays, as they come first."""
    environment, path, folder = dict(os.environ), list(sys.path), os.getcwd()
    threads, dtype, backend = torch.get_num_threads(), torch.get_default_dtype(), _backend._requested
    deterministic = torch.are_deterministic_algorithms_enabled()
    rank = getattr(rank_zero_only, "rank", 0)  # a Trainer of another process' environment leaves its own
    with handlers_kept():
        yield
    rank_zero_only.rank = rank
    if os.environ != environment:
        os.environ.clear()
        os.environ.update(environment)
    sys.path[:] = path
    os.chdir(folder)
    if torch.get_num_threads() != threads:
        torch.set_num_threads(threads)
    torch.set_default_dtype(dtype)
    if torch.are_deterministic_algorithms_enabled() != deterministic:
        torch.use_deterministic_algorithms(deterministic)
    _backend._requested = backend
    if (dynamo := sys.modules.get("torch._dynamo.utils")) and dynamo.counters:  # a test has compiled
        torch.compiler.reset()  # after some versions of a function it is compiled no more
        dynamo.counters.clear()


SEEN: dict[str, list[Registry[Any]]] = {}  # module -> its registries


def registries() -> list[Registry[Any]]:
    """Every registry of a module that has been imported so far."""
    for name in sys.modules.keys() - SEEN.keys() if len(sys.modules) != len(SEEN) else ():
        values = list(vars(sys.modules[name]).values()) if name.startswith("graphvtr.") else []
        SEEN[name] = [value for value in values if isinstance(value, Registry)]
    return list({id(registry): registry for found in SEEN.values() for registry in found}.values())


def is_ours(entry: object) -> bool:
    """Whether an entry came with the import of one of our modules: such an import happens once, so it stays."""
    entry = getattr(entry, "func", entry)  # of a partial
    return getattr(entry, "__module__", type(entry).__module__).startswith("graphvtr.")


@pytest.fixture(autouse=True)
def _registries_as_before() -> Iterator[None]:
    """What a test registers, replaces or removes (a dataset, a parser, a model) is as before after it."""
    before = {id(registry): dict(registry._entries) for registry in registries()}
    ran = len(registration._ran)
    yield
    for registry in registries():
        kept = {name: entry for name, entry in registry._entries.items() if is_ours(entry)}
        if (wanted := {**kept, **before.get(id(registry), {})}) != registry._entries:
            registry._entries.clear()
            registry._entries.update(wanted)
    del registration._ran[ran:]  # which processes of later tests would run too
    run_file.cache_clear()  # a file registers its entries again


@pytest.fixture(scope="session", autouse=True)
def _cache_of_these_tests(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What this machine has kept (parsed captions, features of words, measurements) is not seen, and nothing is added
    to it but the C kernels, which are compiled or opened before processes of an empty cache compile them again."""
    library()
    folder, kernels = tmp_path_factory.mktemp("cache"), cache_folder() / "kernels"
    if kernels.is_dir():
        (folder / "kernels").symlink_to(kernels.resolve())
    os.environ["GRAPHVTR_CACHE"] = str(folder)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with the real clips and captions; the test is skipped where it is not at hand."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    root = Path(os.environ.get("GRAPHVTR_DATA", default))
    if not (root / "msvd98").is_dir():
        pytest.skip(f"real data not found at {root}; set GRAPHVTR_DATA")
    return root


@pytest.fixture(scope="session")
def scenes_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where MovingScenes of a few clips are kept until the tests are over: all tests read the same."""
    return tmp_path_factory.mktemp("moving_scenes")


@pytest.fixture(scope="session")
def two_workers() -> Iterator[None]:
    """A Ray cluster of two processors, kept until the tests are over: it takes seconds to start."""
    with ray_of_two():
        yield


@pytest.fixture(scope="session")
def full_disk() -> Callable[[int], AbstractContextManager[None]]:
    """``with full_disk(size)``: no file of this process grows over ``size`` bytes."""

    @contextlib.contextmanager
    def limit(size: int) -> Iterator[None]:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return limit
