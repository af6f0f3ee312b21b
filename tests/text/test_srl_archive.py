"""AllenNLP archives: the parts of a right one, and a clear error for every wrong or unsafe one."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from graphvtr.errors import DataError
from graphvtr.text.srl_archive import CONFIG, LABELS, MAX_MEMBERS, WEIGHTS, read_archive

Content = dict[str, bytes]
Writer = Callable[..., Path]


def saved(state: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


@pytest.fixture
def content() -> Content:
    return {
        CONFIG: json.dumps({"model": {"type": "srl_bert", "bert_model": "bert-base-uncased"}}).encode(),
        "vocabulary/non_padded_namespaces.txt": b"*tags\n*labels\n",
        LABELS: b"O\nB-V\nB-ARG0\nI-ARG0\n",
        WEIGHTS: saved({"tag_projection_layer.bias": torch.arange(4.0)}),
    }


@pytest.mark.parametrize("prefix", ["", "./"])
def test_the_parts_are_read(write_archive: Writer, tmp_path: Path, content: Content, prefix: str) -> None:
    path = write_archive(tmp_path / "model.tar.gz", {prefix + name: data for name, data in content.items()})
    archive = read_archive(path)
    assert archive.config["model"]["type"] == "srl_bert"
    assert archive.labels == ["O", "B-V", "B-ARG0", "I-ARG0"]
    assert archive.weights["tag_projection_layer.bias"].tolist() == [0, 1, 2, 3]
    assert list(tmp_path.iterdir()) == [path], "nothing is unpacked beside it"


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "vocabulary/../../evil", "..\\evil", "a/.."])
def test_a_member_that_leads_out_is_refused(write_archive: Writer, tmp_path: Path, content: Content, name: str) -> None:
    path = write_archive(tmp_path / "m.tar.gz", {name: b"x", **content})
    with pytest.raises(DataError, match="leads out of it"):
        read_archive(path)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(write_archive: Writer, tmp_path: Path, content: Content, kind: bytes) -> None:
    def change(member: tarfile.TarInfo) -> None:
        if member.name == WEIGHTS:
            member.type, member.linkname, member.size = kind, "/etc/passwd", 0

    with pytest.raises(DataError, match=r"'weights.th' is a link or a device"):
        read_archive(write_archive(tmp_path / "m.tar.gz", content, change))


def test_bombs_are_refused(write_archive: Writer, tmp_path: Path, content: Content) -> None:
    big = write_archive(tmp_path / "big.tar.gz", {**content, "zeros": bytes(3_000_000)})
    assert big.stat().st_size < 100_000
    with pytest.raises(DataError, match="unpacks to over 1,000,000 bytes"):
        read_archive(big, max_bytes=1_000_000)
    assert read_archive(big, max_bytes=4_000_000).labels
    many = write_archive(tmp_path / "many.tar.gz", {**{f"file{n}": b"" for n in range(MAX_MEMBERS)}, **content})
    with pytest.raises(DataError, match="has over 1000 members"):
        read_archive(many)


def test_a_part_that_stands_twice_is_refused(write_archive: Writer, tmp_path: Path, content: Content) -> None:
    with pytest.raises(DataError, match=r"has config\.json twice"):
        read_archive(write_archive(tmp_path / "m.tar.gz", {**content, f"./{CONFIG}": b"{}"}))


class Evil:
    """Would make a file if it were unpickled."""

    def __reduce__(self) -> Any:
        return open, ("evil-was-run", "w")


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        (CONFIG, b"{", r"config\.json: is no AllenNLP configuration"),
        (CONFIG, b"[1]", r"config\.json: is no AllenNLP configuration: it has no model"),
        (CONFIG, b"{}", r"config\.json: is no AllenNLP configuration"),
        (CONFIG, b'{"model": {"type": "bidaf"}}', r"config\.json: model\.type: is 'bidaf', not 'srl_bert'"),
        (LABELS, b"", r"labels\.txt: is empty"),
        (LABELS, b"\xff\xfe", r"labels\.txt: is not UTF-8"),
        (LABELS, b"@@PADDING@@\nO", r"labels\.txt: has a padding entry"),
        (WEIGHTS, b"", r"weights\.th: holds no plain tensors"),
        (WEIGHTS, b"not a file of torch", r"weights\.th: holds no plain tensors"),
        (WEIGHTS, saved([1, 2]), r"weights\.th: is no dictionary of tensors"),
        (WEIGHTS, saved({"a": 1}), r"weights\.th: is no dictionary of tensors"),
        (WEIGHTS, saved({"a": Evil()}), r"weights\.th: holds no plain tensors"),
    ],
)
def test_a_wrong_part_is_named(
    write_archive: Writer,
    tmp_path: Path,
    content: Content,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    data: bytes,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    path = write_archive(tmp_path / "m.tar.gz", {**content, name: data})
    with pytest.raises(DataError, match=message) as caught:
        read_archive(path)
    assert str(path) in str(caught.value)
    assert not Path("evil-was-run").exists()


@pytest.mark.parametrize("name", [CONFIG, LABELS, WEIGHTS])
def test_a_missing_part_is_named(write_archive: Writer, tmp_path: Path, content: Content, name: str) -> None:
    del content[name]
    with pytest.raises(DataError, match=f"has no {name}"):
        read_archive(write_archive(tmp_path / "m.tar.gz", content))


def test_files_that_are_no_archives(write_archive: Writer, tmp_path: Path, content: Content) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_archive(tmp_path / "none.tar.gz")
    plain = tmp_path / "plain.tar.gz"
    plain.write_bytes(b"plain text")
    with pytest.raises(DataError, match=r"is no safe tar\.gz archive"):
        read_archive(plain)
    whole = write_archive(tmp_path / "m.tar.gz", content).read_bytes()
    for size in (0, 5, len(whole) // 2, len(whole) - 20):
        plain.write_bytes(whole[:size])
        with pytest.raises(DataError, match="is no safe tar"):
            read_archive(plain)
    with pytest.raises(DataError, match="is no safe tar"):
        read_archive(tmp_path)
