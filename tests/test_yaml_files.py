"""YAML is bounded before it is made into objects, and holds values alone."""

import pytest

from graphvtr.errors import DataError
from graphvtr.yaml_files import check_yaml


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[" * 100_000, "line 1: is nested over"),
        ("\n".join(" " * depth + "a:" for depth in range(100)), "is nested over"),
        (
            "a0: &a0 [1,2,3,4,5,6,7,8,9]\n"
            + "".join(f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12)),
            "holds over 20,000 values, aliases counted",
        ),
        ("a: &a [*a]", "an alias of what holds it"),
        ("a: {", "is not YAML"),
        ("a: !!python/object/apply:os.system ['true']", "is not YAML"),
        ("a: 1\nb: {c: 1, c: 2}", "line 2: 'c': is there twice"),
        ("options: {x: [1, {class_path: antigravity.x}]}", "class_path: names the class 'antigravity.x'"),
        ("options: {x: '{class_path: antigravity.x}'}", "names the class"),
        ("options: {x: '{\"class\\u005fpath\": antigravity.x}'}", "names the class"),
        ("x: '" + "[" * 100_000 + "'", "is nested over"),
        ("config: other.yaml", "config: names another file of options"),
    ],
    ids=["flow", "block", "bomb", "circle", "broken", "tag", "twice", "class", "text", "escaped", "deep text", "file"],
)
def test_yaml_is_checked_before_it_is_made_into_objects(tmp_path, text, problem):
    pytest.importorskip("yaml")
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(DataError, match=f"{path}.*{problem}"):
        check_yaml(path)


def test_common_yaml_with_an_alias_is_fine(tmp_path):
    pytest.importorskip("yaml")
    path = tmp_path / "a.yaml"
    path.write_text("a: &a {lr: 1}\nb: *a\nc: {<<: *a, d: 'a [dog] runs: fast'}\ne: 'a: b'\n")
    check_yaml(path)
