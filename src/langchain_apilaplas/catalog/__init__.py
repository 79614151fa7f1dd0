"""Which models exist and what each takes."""

from langchain_apilaplas.catalog.runway import GEN4_TURBO, MODELS
from langchain_apilaplas.catalog.spec import Param, VideoModel
from langchain_apilaplas.errors import SettingsError

__all__ = ["DEFAULT_MODEL", "Param", "VideoModel", "get_model", "list_models"]

DEFAULT_MODEL = GEN4_TURBO.id

_MODELS = {model.id: model for model in MODELS}


def get_model(model: str | VideoModel) -> VideoModel:
    """The row of a model id; a row is given back as it is.

    Raises:
        SettingsError: The catalog has no such model; the message lists those it has.
    """
    if isinstance(model, VideoModel):
        return model
    if model not in _MODELS:
        raise SettingsError(f"There is no model {model!r}; there are: {', '.join(_MODELS)}.")
    return _MODELS[model]


def list_models() -> list[VideoModel]:
    """All models, in the order of the API's menu."""
    return list(_MODELS.values())
