"""Runs AllenNLP's semantic role labeller for graphvtr, in a Python of its own.

    python allennlp_worker.py structured-prediction-srl-bert.2020.12.15.tar.gz [--cuda-device 0]

One file, which needs nothing of graphvtr and Python 3.7 or later: allennlp-models 2.10.1 pins torch below 1.13 and
cannot be installed beside a current one. graphvtr starts it and speaks JSON lines with it:

    worker: {"ready": 1, "version": "2.10.1"}
    parent: {"id": 0, "sentences": [["a", "dog", "barks"], ...]}
    worker: {"id": 0, "results": [{"words": [...], "verbs": [{"verb": "barks", "tags": ["B-ARG0", ...]}]}, ...]}
    worker: {"id": 0, "error": "..."}                       where the labeller has failed

It ends when its input ends.
"""

import argparse
import json
import os
import sys
from typing import Any, Callable, Dict, Iterable, List, Tuple  # noqa: UP035 - Python 3.7 is served

PROTOCOL = 1
Label = Callable[[List[List[str]]], List[Dict[str, Any]]]  # noqa: UP006


def load(archive: str, cuda_device: int) -> Tuple[Label, str]:  # noqa: UP006
    """A function from tokenised sentences to results, and the labeller's version."""
    from allennlp.predictors.predictor import Predictor
    from allennlp_models import version
    from allennlp_models.structured_prediction.predictors.srl import SemanticRoleLabelerPredictor  # registers it

    predictor = Predictor.from_path(archive, "semantic_role_labeling", cuda_device=cuda_device)
    assert isinstance(predictor, SemanticRoleLabelerPredictor)

    def label(sentences: List[List[str]]) -> List[Dict[str, Any]]:  # noqa: UP006
        results = []
        for words in sentences:
            # AllenNLP's own batches would tokenise the sentences anew
            found = predictor.predict_tokenized(words)
            verbs = [{"verb": verb["verb"], "tags": list(verb["tags"])} for verb in found["verbs"]]
            results.append({"words": words, "verbs": verbs})
        return results

    return label, version.VERSION


def serve(label: Label, version: str, lines: Iterable[str], send: Callable[[Dict[str, Any]], None]) -> None:  # noqa: UP006
    """Answer every line."""
    send({"ready": PROTOCOL, "version": version})
    for line in lines:
        request = json.loads(line)
        try:
            send({"id": request["id"], "results": label(request["sentences"])})
        except Exception as error:  # the parent tells the user, and decides what follows
            send({"id": request["id"], "error": "%s: %s" % (type(error).__name__, error)})  # noqa: UP031


def answers() -> Callable[[Dict[str, Any]], None]:  # noqa: UP006
    """What sends messages to the parent. Libraries print to standard output: the protocol has a copy of it, and they
    get standard error."""
    stream = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def send(message: Dict[str, Any]) -> None:  # noqa: UP006
        stream.write(json.dumps(message) + "\n")
        stream.flush()

    return send


def main() -> None:
    """Load the archive and serve standard input."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive")
    parser.add_argument("--cuda-device", type=int, default=-1)
    args = parser.parse_args()
    send = answers()
    label, version = load(args.archive, args.cuda_device)
    serve(label, version, (line for line in sys.stdin if line.strip()), send)


if __name__ == "__main__":
    main()
