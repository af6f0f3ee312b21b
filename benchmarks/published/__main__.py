"""Print tables of the papers: ``python benchmarks/published [PAPER] [--dataset D] [--system S]``."""

from __future__ import annotations

import argparse

from benchmarks.published import PAPERS, find, table_text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paper", nargs="?", choices=sorted(PAPERS))
    parser.add_argument("--dataset")
    parser.add_argument("--system")
    arguments = parser.parse_args()
    wanted = {name: value for name in ("dataset", "system") if (value := getattr(arguments, name))}
    print(table_text(find(arguments.paper, **wanted)))


if __name__ == "__main__":
    main()
