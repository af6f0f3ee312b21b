"""Parameters and FLOPs of every model beside VSR-Net's Table 4, and how that table seems to have been counted.

    python benchmarks/speed/complexity.py

``torch.utils.flop_counter`` counts an addition and a multiplication as two and all matrix products. The table's VSR-Net
is reached another way: multiply-adds once, and of the model only the three input maps, the MLPs and the LayerNorms -
neither the attention (queries, keys, values, scores, output map) nor the three attention pools nor BERT. That is what a
counter of modules sees that knows ``nn.Linear`` and not ``nn.MultiheadAttention``. ``as printed`` counts so.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmarks.lib.harness import write_result
from benchmarks.published import find
from graphvtr.nn import MODELS, VSRNet
from graphvtr.tasks.complexity import PairSize, complexity, default_model

SIZE = PairSize()
LAYERS = (1, 2, 4)
BERT_WIDTH = {"text_layers": 4}  # four layers of MiniLM are as wide as two of BERT: 1536
UNCOUNTED = ("attention", "words", "region_pool", "frame_pool", "word_pool")


def as_printed(model: VSRNet) -> tuple[int, int]:
    """Parameters and multiply-adds of what the table seems to count."""
    counted = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear | nn.LayerNorm) and not set(name.split(".")) & set(UNCOUNTED)
    }
    parameters = sum(parameter.numel() for module in counted.values() for parameter in module.parameters())
    products = 0

    def add(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal products
        if isinstance(module, nn.Linear):
            products += output.numel() * module.in_features

    handles = [module.register_forward_hook(add) for module in counted.values()]
    with torch.no_grad():
        model.encode_video(SIZE.video())
        model.encode_text(model.transform_text(SIZE.caption()))
    for handle in handles:
        handle.remove()
    return parameters, products


def main() -> None:
    rows = {}
    print("ours, 26 frames x 36 regions, a caption of 10 words       parameters, M   frozen, M   GFLOP a pair")
    models = {name: default_model(name, SIZE) for name in MODELS if name != "vsrnet"}
    models |= {
        f"vsrnet, L = {count}": default_model("vsrnet", SIZE, {**BERT_WIDTH, "num_layers": count}) for count in LAYERS
    }
    for name, model in models.items():
        cost = complexity(model, SIZE.video(), SIZE.caption())
        rows[name] = {"parameters": cost.total_parameters, "frozen": cost.frozen, "flops": cost.total_flops}
        print(f"{name:55} {cost.total_parameters / 1e6:14.2f} {cost.frozen / 1e6:11.2f} {cost.total_flops / 1e9:14.2f}")
    print("\nVSR-Net as printed: input maps, MLPs and LayerNorms only, a multiply-add counted once")
    for count in LAYERS:
        model = models[f"vsrnet, L = {count}"]
        assert isinstance(model, VSRNet)
        parameters, products = as_printed(model)
        rows[f"vsrnet, L = {count}"] |= {"printed_parameters": parameters, "printed_multiply_adds": products}
        print(f"L = {count}: {parameters / 1e6:.2f} M, {products / 1e9:.2f} G")
    print("\nTable 4 of the paper (VSR-Net with L = 1; each layer more: 25.19 M, 8.29 G)")
    for number in find("vsrnet", table="4"):
        print(f"{number.system:15} {number.metric:20} {number.value:g}")
    write_result("complexity", rows, size=vars(SIZE))


if __name__ == "__main__":
    main()
