"""Videos from a sentence or a picture: LangChain tools and a client for the Apilaplas API.

The names are imported when they are first used: pytest loads this package for its plugin in every
session, and langchain-core takes half a second.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langchain_apilaplas.async_client import AsyncApilaplasClient
    from langchain_apilaplas.catalog import VideoModel, get_model, list_models, register_model
    from langchain_apilaplas.client import ApilaplasClient
    from langchain_apilaplas.effects import Progress
    from langchain_apilaplas.errors import ApilaplasError, Charged
    from langchain_apilaplas.generation import Generation, Status, Video
    from langchain_apilaplas.images import ImageInput
    from langchain_apilaplas.ledger import Budget, Job, Ledger, MemoryLedger, Origin, State
    from langchain_apilaplas.ledger.sqlite import SqliteLedger
    from langchain_apilaplas.limiter import RateLimiter
    from langchain_apilaplas.many import Outcome
    from langchain_apilaplas.object_store import ObjectStorage
    from langchain_apilaplas.part import DownloadProgress
    from langchain_apilaplas.request import VideoRequest
    from langchain_apilaplas.storage import FolderStorage, Storage
    from langchain_apilaplas.toolkit import ApilaplasVideoToolkit
    from langchain_apilaplas.tools import ApilaplasGenerateVideo, ApilaplasGetVideo

__all__ = [
    "ApilaplasClient",
    "ApilaplasError",
    "ApilaplasGenerateVideo",
    "ApilaplasGetVideo",
    "ApilaplasVideoToolkit",
    "AsyncApilaplasClient",
    "Budget",
    "Charged",
    "DownloadProgress",
    "FolderStorage",
    "Generation",
    "ImageInput",
    "Job",
    "Ledger",
    "MemoryLedger",
    "ObjectStorage",
    "Origin",
    "Outcome",
    "Progress",
    "RateLimiter",
    "SqliteLedger",
    "State",
    "Status",
    "Storage",
    "Video",
    "VideoModel",
    "VideoRequest",
    "get_model",
    "list_models",
    "register_model",
]

_MODULES = {
    "async_client": ("AsyncApilaplasClient",),
    "catalog": ("VideoModel", "get_model", "list_models", "register_model"),
    "client": ("ApilaplasClient",),
    "part": ("DownloadProgress",),
    "effects": ("Progress",),
    "errors": ("ApilaplasError", "Charged"),
    "generation": ("Generation", "Status", "Video"),
    "images": ("ImageInput",),
    "ledger": ("Budget", "Job", "Ledger", "MemoryLedger", "Origin", "State"),
    "ledger.sqlite": ("SqliteLedger",),
    "limiter": ("RateLimiter",),
    "many": ("Outcome",),
    "object_store": ("ObjectStorage",),
    "request": ("VideoRequest",),
    "storage": ("FolderStorage", "Storage"),
    "toolkit": ("ApilaplasVideoToolkit",),
    "tools": ("ApilaplasGenerateVideo", "ApilaplasGetVideo"),
}


def __getattr__(name: str) -> Any:
    for module, names in _MODULES.items():
        if name in names:
            value = getattr(import_module(f"{__name__}.{module}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
