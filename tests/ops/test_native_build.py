"""Compiling the C kernels: kept, owned, compiled again when they change, and not needed."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import pytest
import torch

from graphvtr.errors import MissingExtraError
from graphvtr.ops import _backend, backend, role_attention
from graphvtr.ops import native_build as build

pytestmark = pytest.mark.skipif(build.library() is None, reason="no C compiler")
CPU = torch.device("cpu")


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    """An empty cache folder, and a library that was not asked for yet."""
    monkeypatch.setenv("GRAPHVTR_CACHE", str(tmp_path))
    build.library.cache_clear()
    yield tmp_path
    build.library.cache_clear()


def test_it_is_compiled_once_and_kept(fresh, monkeypatch) -> None:
    assert build.library() is not None
    kept, _ = sorted((fresh / "kernels").iterdir(), key=lambda file: file.suffix, reverse=True)
    assert kept.suffix == ".so"
    build.library.cache_clear()
    monkeypatch.setattr(build, "_compile", lambda *_: pytest.fail("compiled again"))
    assert build.library() is not None
    monkeypatch.setattr(build, "FLAGS", (*build.FLAGS, "-O2"))
    assert build._digest(shutil.which("cc") or "cc") not in kept.name


def test_without_a_compiler_the_ops_run_on_torch(fresh, monkeypatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert build.library() is None
    assert _backend.resolve("role_attention", "auto", CPU, torch.float32, 10) == "torch"
    with pytest.raises(MissingExtraError, match="C compiler"), backend("native"):
        pass
    with pytest.raises(RuntimeError, match="not compiled"):
        build.call("gather_sum", range(1))


def test_a_failing_compiler_is_reported_once_and_harmless(fresh, monkeypatch, caplog) -> None:
    monkeypatch.setattr(build, "FLAGS", ("--no-such-flag",))
    x = torch.eye(2)
    for _ in range(2):
        out = role_attention(x, x, x, torch.tensor([0, 1, 1]), torch.tensor([1]))
        assert out.tolist() == [[0.0, 1.0], [0.0, 0.0]]
    (record,) = caplog.records
    assert "C kernels could not be compiled" in record.getMessage()
    assert "no-such-flag" in record.getMessage()
    assert list((fresh / "kernels").iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="modes")
def test_a_folder_that_others_may_write_is_not_trusted(fresh, caplog) -> None:
    (fresh / "kernels").mkdir()
    (fresh / "kernels").chmod(0o777)
    assert build.library() is not None  # of this process alone
    assert "set its mode to 700" in caplog.text
    assert list((fresh / "kernels").iterdir()) == []


def test_a_cache_that_cannot_be_written_costs_a_compilation(fresh, monkeypatch, caplog) -> None:
    (fresh / "file").write_text("")
    monkeypatch.setenv("GRAPHVTR_CACHE", str(fresh / "file"))
    assert build.library() is not None
    assert "cannot be kept" in caplog.text


DAMAGE = {
    "cut short": lambda path: path.write_bytes(path.read_bytes()[:5000]),
    "a bit": lambda path: path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:]),
    "empty": lambda path: path.write_bytes(b""),
    "no digest": lambda path: path.with_suffix(".sha256").unlink(),
    "another digest": lambda path: path.with_suffix(".sha256").write_bytes(b"\xff"),
}


@pytest.fixture(scope="module")
def compiled() -> bytes:
    """What the compiler makes, which :func:`test_it_is_compiled_once_and_kept` sees to."""
    found = build.library()
    assert found is not None
    return Path(found._name).read_bytes()


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_library_is_never_opened_and_built_again(compiled, fresh, monkeypatch, damage) -> None:
    built = []

    def compile_again(compiler: str, path: Path) -> None:
        built.append(path)
        path.write_bytes(compiled)
        build._sum_file(path).write_text(hashlib.sha256(compiled).hexdigest())

    monkeypatch.setattr(build, "_compile", compile_again)
    assert build.library() is not None
    (path,) = (fresh / "kernels").glob("*.so")
    whole = path.read_bytes()
    copy = fresh / "copy.so"  # the process has the file itself open
    copy.write_bytes(whole)
    copy.replace(path)
    DAMAGE[damage](path)
    build.library.cache_clear()
    assert build.library() is not None
    assert built == [path, path]
    assert build._is_whole(path)
    assert path.read_bytes() == whole
    assert len(list((fresh / "kernels").iterdir())) == 2


def test_threads_change_nothing(monkeypatch) -> None:
    """Rows and sums are split by the work alone, so that any number of threads gives the same bits."""
    monkeypatch.setattr(build, "SPLIT_ELEMENTS", 1)
    ptr = torch.arange(0, 200, 4)
    col, role = torch.arange(196) % 49, torch.arange(196) % 5
    leaves = [torch.randn(49, 2, 8).requires_grad_() for _ in range(3)] + [torch.randn(5, 2, 8).requires_grad_()]
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            with backend("native"):
                out = role_attention(*leaves[:3], ptr, col, role, leaves[3])
                found.append([out, *torch.autograd.grad(out.square().sum(), leaves)])
    finally:
        torch.set_num_threads(before)
    for others in found[1:]:
        assert all(torch.equal(one, other) for one, other in zip(found[0], others, strict=True))


@pytest.mark.parametrize("counts", [[], [0] * 20, [5] * 20, [1000, *[0] * 19], [*[0] * 19, 1000], [1, 2, 3]])
def test_ranges_cover_every_row_once(counts: list[int]) -> None:
    ptr = torch.tensor([0, *counts]).cumsum(0)
    for width in (1, 1 << 20):
        parts = build.ranges(ptr, width)
        assert [row for part in parts for row in part] == list(range(len(counts)))


@pytest.mark.parametrize("score", [-torch.inf, torch.nan, torch.inf])
def test_infinite_and_missing_scores_as_on_torch(score: float) -> None:
    q, k = torch.ones(2, 1), torch.tensor([[score], [1.0]])
    v, ptr, col = torch.randn(2, 3), torch.tensor([0, 1, 3]), torch.tensor([0, 0, 1])
    results = []
    for name in ("native", "torch"):
        with backend(name):
            results.append(role_attention(q, k, v, ptr, col, scale=1.0, return_weights=True))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, equal_nan=True)
