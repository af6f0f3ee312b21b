"""Train the neural parser on PropBank-EWT.

    python benchmarks/accuracy/role_labelling/train.py --data DIR --work runs/roles --out r.safetensors

The checkpoint in ``--work`` is written every few minutes; a run that was killed goes on where it stopped. The order of
batches and the random numbers depend on ``--seed`` alone. Products run in bfloat16 where the processor has
instructions for it (``--precision``). Choices are made on dev; the last epoch's weights are the result.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from benchmarks.accuracy.role_labelling.evaluate import items, read_gold, score
from benchmarks.accuracy.role_labelling.training_data import MAX_PIECES, Sentence, read_all
from graphvtr.text import SpacyRoleParser
from graphvtr.text.neural.batches import predicate_batch, sentence_batch
from graphvtr.text.neural.model import PredicateBatch, RoleTagger, Sizes
from graphvtr.text.neural.pieces import load_embeddings, load_layers
from graphvtr.text.neural.tags import best_paths, path_log_likelihood
from graphvtr.text.neural.weights import save_weights


def batches(sentences: list[Sentence], budget: int, rng: np.random.Generator) -> list[list[int]]:
    """Groups of sentences of like length, about ``budget`` pieces of work each, in random order."""
    lengths = np.array([len(sentence.example.pieces) for sentence in sentences])
    order = np.argsort(lengths * rng.uniform(0.8, 1.25, len(lengths)), kind="stable")
    groups: list[list[int]] = [[]]
    work = 0.0
    for index in order[lengths[order] <= MAX_PIECES]:
        cost = lengths[index] * (0.5 + 0.5 * len(sentences[index].tags))
        if groups[-1] and work + cost > budget:
            groups.append([])
            work = 0.0
        groups[-1].append(int(index))
        work += cost
    return [groups[index] for index in rng.permutation(len(groups))]


def predicates_of(group: list[Sentence], words: int) -> PredicateBatch:
    """All predicates of a batch."""
    return predicate_batch([(row, *one) for row, sentence in enumerate(group) for one in sentence.predicates], words)


def loss_of(model: RoleTagger, group: list[Sentence], args: argparse.Namespace) -> Tensor:
    """Mean over predicates of the paths' negative log-likelihood, plus that of the predicates themselves."""
    examples = [sentence.example for sentence in group]
    batch = sentence_batch(examples)
    predicates = predicates_of(group, batch.first.size(1))
    with torch.autocast("cpu", torch.bfloat16, enabled=args.precision == "bfloat16"):
        hidden, found = model.read(batch)
    truth = torch.zeros_like(batch.word_mask, dtype=torch.float)
    for index, sentence in enumerate(group):
        truth[index, : len(sentence.is_predicate)] = torch.tensor(sentence.is_predicate, dtype=torch.float)
    loss = nn.functional.binary_cross_entropy_with_logits(found.float()[batch.word_mask], truth[batch.word_mask])
    if not len(predicates.sentence):
        return loss
    dropped = torch.rand(len(predicates.sentence)) < args.drop_rules
    predicates.rows[dropped, :, 0] = model.columns.rule_tags.outside
    with torch.autocast("cpu", torch.bfloat16, enabled=args.precision == "bfloat16"):
        scores = model.label(hidden, batch, predicates)
    tags = torch.zeros(scores.shape[:2], dtype=torch.long)
    for number, row in enumerate(row for sentence in group for row in sentence.tags):
        tags[number, : len(row)] = torch.tensor(row)
    lengths = batch.word_mask.sum(dim=1)[predicates.sentence]
    return loss - path_log_likelihood(scores, tags, lengths, model.transitions()).mean() / args.loss_scale


@torch.no_grad()
def evaluate(model: RoleTagger, sentences: list[Sentence], gold: set[Any], size: int = 64) -> dict[str, float]:
    """F1 with predicates given, and of the predicates found."""
    model.eval()
    labelled: list[list[Any]] = [[] for _ in sentences]
    right = proposed = wanted = 0
    order = sorted(range(len(sentences)), key=lambda index: len(sentences[index].example.pieces))
    for begin in range(0, len(order), size):
        chosen = order[begin : begin + size]
        examples = [sentences[index].example for index in chosen]
        batch = sentence_batch(examples)
        predicates = predicates_of([sentences[index] for index in chosen], batch.first.size(1))
        hidden, found = model.read(batch)
        for row, index in enumerate(chosen):
            guess = (found[row, : len(sentences[index].is_predicate)] > 0).tolist()
            right += sum(a and b for a, b in zip(guess, sentences[index].is_predicate, strict=True))
            proposed, wanted = proposed + sum(guess), wanted + sum(sentences[index].is_predicate)
        if len(predicates.sentence):
            lengths = batch.word_mask.sum(dim=1)[predicates.sentence]
            paths = best_paths(model.label(hidden, batch, predicates), lengths, model.transitions())
            for number, path in enumerate(paths):
                index = chosen[int(predicates.sentence[number])]
                spans = model.columns.rule_tags.spans(path)
                labelled[index].append((int(predicates.position[number]), spans))
    model.train()
    counts = score(items(labelled), gold)
    return {
        "f1": counts.f1,
        "p": counts.precision,
        "r": counts.recall,
        "f1_predicates": 200 * right / (proposed + wanted),
    }


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path, required=True, help="folder of train.jsonl.gz and dev.jsonl.gz")
    options.add_argument("--work", type=Path, required=True, help="folder of the checkpoint and the log")
    options.add_argument("--out", type=Path, required=True, metavar="FILE.safetensors")
    options.add_argument("--epochs", type=int, default=4)
    options.add_argument("--budget", type=int, default=1500, help="pieces of work a batch")
    options.add_argument("--lr", type=float, default=2e-4)
    options.add_argument("--head-lr", type=float, default=1e-3)
    options.add_argument("--shared-layers", type=int, default=4)
    options.add_argument("--dropout", type=float, default=0.1)
    options.add_argument("--drop-rules", type=float, default=0.1, help="share of predicates that hide the rules' tags")
    options.add_argument("--loss-scale", type=float, default=10.0, help="the paths' loss is divided by this")
    options.add_argument("--scenes", type=int, default=1200, help="captions of MovingScenes' train split")
    options.add_argument("--precision", choices=("float32", "bfloat16"), default="bfloat16")
    options.add_argument("--limit", type=int, help="sentences of each split, for a trial")
    options.add_argument("--minutes", type=float, default=3.0, help="between checkpoints")
    options.add_argument("--seed", type=int, default=0)
    args = options.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(args.seed)
    data = read_all(SpacyRoleParser(), args.data, args.scenes, args.limit)
    sizes = Sizes(shared_layers=args.shared_layers, predicate_layers=6 - args.shared_layers, dropout=args.dropout)
    model = RoleTagger(data["columns"], load_embeddings(), sizes)
    model.load_minilm(load_layers())
    train(model, data, args)
    kept = {key: str(value) for key, value in vars(args).items() if key not in ("work", "out")}  # folders of here
    save_weights(args.out, model, {"settings": {**kept, "data": args.data.name}})
    print("saved", args.out, args.out.stat().st_size)


def train(model: RoleTagger, data: dict[str, Any], args: argparse.Namespace) -> None:
    """Run or resume all epochs."""
    gold = items([g.arguments for g in read_gold(args.data / "dev.jsonl.gz")[: args.limit]])
    encoder = [p for layers in (model.shared, model.upper) for p in layers.parameters()]
    known = {id(p) for p in encoder}
    rest = [p for p in model.parameters() if id(p) not in known]
    groups = [{"params": encoder, "lr": args.lr}, {"params": rest, "lr": args.head_lr}]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.01, fused=True)
    plan = [batches(data["train"], args.budget, np.random.default_rng((args.seed, e))) for e in range(args.epochs)]
    total = sum(map(len, plan))
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / (0.06 * total), max(0.0, (total - step) / (0.94 * total)))
    )
    step, spent = resume(args.work / "checkpoint.pt", model, optimizer, scheduler)
    log = (args.work / "log.jsonl").open("a")
    begin, saved, recent = time.time() - spent, time.time(), []
    done = 0
    model.train()
    for epoch, groups_of_epoch in enumerate(plan):
        for group in groups_of_epoch:
            done += 1
            if done <= step:
                continue
            torch.manual_seed(args.seed * 1_000_003 + done)  # so that a resumed run draws the same dropout
            with sdpa_kernel(SDPBackend.MATH):  # the fused kernel's backward is slow for short sentences
                loss = loss_of(model, [data["train"][index] for index in group], args)
                optimizer.zero_grad()
                loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            recent.append(loss.item())
            if done % 50 == 0:
                print(
                    f"epoch {epoch} step {done}/{total} loss {np.mean(recent[-50:]):.4f} {time.time() - begin:.0f} s",
                    flush=True,
                )
            if time.time() - saved > 60 * args.minutes:
                save(args.work / "checkpoint.pt", model, optimizer, scheduler, done, time.time() - begin)
                saved = time.time()
        if done > step:
            figures = evaluate(model, data["dev"], gold)
            entry = {
                "epoch": epoch,
                "step": done,
                "seconds": time.time() - begin,
                "loss": float(np.mean(recent)),
                **figures,
            }
            recent = []
            print(json.dumps(entry), flush=True)
            log.write(json.dumps(entry) + "\n")
            log.flush()
            save(args.work / "checkpoint.pt", model, optimizer, scheduler, done, time.time() - begin)
            saved = time.time()


def save(path: Path, model: nn.Module, optimizer: Any, scheduler: Any, step: int, seconds: float) -> None:
    """Write a checkpoint in one move."""
    state = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "scheduler": scheduler.state_dict(),
        "step": step,
        "seconds": seconds,
    }
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)


def resume(path: Path, model: nn.Module, optimizer: Any, scheduler: Any) -> tuple[int, float]:
    """Load a checkpoint where there is one; steps done, and seconds spent."""
    if not path.exists():
        return 0, 0.0
    state = torch.load(path, weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    scheduler.load_state_dict(state["scheduler"])
    return state["step"], state["seconds"]


if __name__ == "__main__":
    main()
