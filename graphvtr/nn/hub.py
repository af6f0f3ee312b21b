"""Models with the mixin of the Hugging Face Hub."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from graphvtr._optional import optional_import
from graphvtr.nn.models.base import RetrievalModel
from graphvtr.nn.pretrained import folder_of, read_folder, save_pretrained

M = TypeVar("M", bound=RetrievalModel)


def hub_class(model_class: type[M]) -> type[M]:
    """``model_class`` with ``huggingface_hub.ModelHubMixin`` mixed in, for its ``push_to_hub``.

    Its ``save_pretrained``, ``from_pretrained`` and ``push_to_hub`` are the mixin's and read and write the same files
    as :meth:`graphvtr.nn.RetrievalModel.save_pretrained`: what one pushes, the other loads.

    Raises:
        MissingExtraError: huggingface_hub is not installed (extra ``hub``).

    Example:
        >>> from graphvtr.nn import HGR
        >>> model = hub_class(HGR)(vocab_size=10, video_dim=16, hidden=8, word_dim=4)
        >>> isinstance(model, HGR), hasattr(model, "push_to_hub")
        (True, True)
    """
    mixin: Any = optional_import("huggingface_hub", "hub", "the Hub's mixin").ModelHubMixin

    class Hub(mixin, model_class, library_name="graphvtr"):  # type: ignore[call-arg,misc,valid-type]
        """See :func:`hub_class`."""

        registered_class = model_class

        def _save_pretrained(self, save_directory: Path) -> None:
            save_pretrained(self, save_directory)

        @classmethod
        def _from_pretrained(
            cls,
            *,
            model_id: str,
            revision: str | None = None,
            cache_dir: str | Path | None = None,
            force_download: bool = False,
            local_files_only: bool = False,
            token: str | bool | None = None,
            **overrides: Any,
        ) -> Any:
            folder = folder_of(
                model_id,
                revision,
                cache_dir=cache_dir,
                force_download=force_download,
                local_files_only=local_files_only,
                token=token,
            )
            loaded = read_folder(folder, **overrides)
            model = cls(**loaded.config)
            model.load_state_dict(loaded.state_dict())
            model.vocabulary, model.info = loaded.vocabulary, loaded.info
            return model.eval()

    Hub.__name__ = Hub.__qualname__ = f"Hub{model_class.__name__}"
    return Hub
