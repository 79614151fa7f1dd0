"""Which models exist and what each takes."""

from langchain_apilaplas.catalog import alibaba, google, kling, luma, minimax, runway
from langchain_apilaplas.catalog.kling import CameraMove, DynamicMask, Point
from langchain_apilaplas.catalog.luma import GenerationKeyframe, ImageKeyframe, Keyframes
from langchain_apilaplas.catalog.spec import (
    UNIVERSAL_ENDPOINT,
    Fetch,
    Param,
    Picture,
    VideoModel,
)
from langchain_apilaplas.errors import SettingsError

__all__ = [
    "DEFAULT_MODEL",
    "UNIVERSAL_ENDPOINT",
    "CameraMove",
    "DynamicMask",
    "Fetch",
    "GenerationKeyframe",
    "ImageKeyframe",
    "Keyframes",
    "Param",
    "Picture",
    "Point",
    "VideoModel",
    "get_model",
    "list_models",
    "register_model",
]

DEFAULT_MODEL = runway.GEN4_TURBO.id

_MODELS: dict[str, VideoModel] = {
    model.id: model
    for vendor in (runway, kling, google, alibaba, minimax, luma)
    for model in vendor.MODELS
}


def get_model(model: str | VideoModel) -> VideoModel:
    """The row of a model id; a row is given back as it is.

    Raises:
        SettingsError: The catalog has no such model; the message lists those it has.
    """
    if isinstance(model, VideoModel):
        return model
    if model not in _MODELS:
        raise SettingsError(
            f"There is no model {model!r}; there are: {', '.join(_MODELS)}.",
            next_step="One that is not among them can be added from its OpenAPI document: "
            "register_model(VideoModel.from_openapi(...)[0]).",
        )
    return _MODELS[model]


def list_models(
    *,
    takes_image: bool | None = None,
    takes_text: bool | None = None,
    has_last_image: bool | None = None,
    vendor: str | None = None,
) -> list[VideoModel]:
    """The models of the catalog, in the order of the API's menu; each filter narrows them.

    Args:
        takes_image: Whether it can start from a picture.
        takes_text: Whether it can do without a picture.
        has_last_image: Whether it can end with a picture.
        vendor: "runway", "kling", "google", "alibaba", "minimax" or "luma".
    """
    wanted = {
        "takes_image": takes_image,
        "takes_text": takes_text,
        "has_last_image": has_last_image,
        "vendor": vendor,
    }
    filters = {name: value for name, value in wanted.items() if value is not None}
    return [
        model
        for model in _MODELS.values()
        if all(getattr(model, name) == value for name, value in filters.items())
    ]


def register_model(row: VideoModel) -> VideoModel:
    """Add a row to the catalog of this process, so that its id can be used everywhere.

    Returns:
        The row.

    Raises:
        SettingsError: The catalog has another model of that id.
    """
    if row != _MODELS.setdefault(row.id, row):
        raise SettingsError(
            f"There is another model {row.id!r} in the catalog.",
            next_step="Give the row another id: dataclasses.replace(row, id=...); or pass the row "
            "itself as model=.",
        )
    return row
