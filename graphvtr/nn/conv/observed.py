"""Whether someone looks inside a message passing layer, so that its fused path must not be taken."""

from __future__ import annotations

from torch_geometric.nn.conv import MessagePassing

HOOKS = ("propagate", "message", "aggregate", "edge_update")


def is_observed(conv: MessagePassing) -> bool:
    """Whether an explainer or a hook waits inside message passing."""
    hooks = (getattr(conv, f"_{name}_forward{kind}hooks") for name in HOOKS for kind in ("_", "_pre_"))
    return bool(conv.explain) or any(len(hook) > 0 for hook in hooks)
