"""Linear layers: one that multiplies by what is quickest, and one that learns its widths from its first features."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from graphvtr.ops.products import linear


class Linear(nn.Linear):
    """:class:`torch.nn.Linear` by :func:`graphvtr.ops.products.linear`."""

    def forward(self, input: Tensor) -> Tensor:
        """``input`` [..., in_features] to [..., out_features]."""
        return linear(input, self.weight, self.bias)


class LazyLinear(Linear):
    """:class:`torch.nn.Linear`, or one whose widths are not known yet (-1) until :meth:`materialize`.

    Unlike :class:`torch.nn.LazyLinear` both widths may wait, and the layer stays what it is.

    Args:
        in_features: width of the input, -1 to wait.
        out_features: width of the output, -1 to wait.
        bias: whether there is a bias.
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        if in_features > 0 and out_features > 0:
            super().__init__(in_features, out_features, bias)
            return
        nn.Module.__init__(self)
        self.in_features, self.out_features = in_features, out_features
        self.weight = UninitializedParameter()
        self.register_parameter("bias", UninitializedParameter() if bias else None)  # type: ignore[arg-type]

    @property
    def is_lazy(self) -> bool:
        """Whether the widths are not known yet."""
        return isinstance(self.weight, UninitializedParameter)

    def materialize(self, in_features: int, out_features: int) -> None:
        """Take the widths and draw parameters, unless that is done."""
        if self.is_lazy:
            self._shape(in_features, out_features)
            self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new parameters, where the widths are known."""
        if not self.is_lazy:
            super().reset_parameters()

    def _shape(self, in_features: int, out_features: int) -> None:
        self.in_features, self.out_features = in_features, out_features
        self.weight.materialize((out_features, in_features))  # type: ignore[operator,attr-defined]
        if self.bias is not None:
            self.bias.materialize((out_features,))  # type: ignore[operator,attr-defined]

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any) -> None:
        saved = state_dict.get(f"{prefix}weight")
        if self.is_lazy and saved is not None and not isinstance(saved, UninitializedParameter):
            self._shape(saved.size(1), saved.size(0))
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        if not self.is_lazy:
            super()._save_to_state_dict(destination, prefix, keep_vars)
            return
        for name, parameter in self._parameters.items():  # one without a shape cannot be detached
            if parameter is not None:
                destination[prefix + name] = parameter
