"""Videos from a picture and a sentence: LangChain tools and a client for the Apilaplas API."""

from langchain_apilaplas.catalog import VideoModel, get_model, list_models
from langchain_apilaplas.client import ApilaplasClient, AsyncApilaplasClient
from langchain_apilaplas.effects import Progress
from langchain_apilaplas.errors import ApilaplasError, Charged
from langchain_apilaplas.generation import Generation, Status, Video
from langchain_apilaplas.tools import (
    ApilaplasGenerateVideo,
    ApilaplasGetVideo,
    ApilaplasVideoToolkit,
)

__all__ = [
    "ApilaplasClient",
    "ApilaplasError",
    "ApilaplasGenerateVideo",
    "ApilaplasGetVideo",
    "ApilaplasVideoToolkit",
    "AsyncApilaplasClient",
    "Charged",
    "Generation",
    "Progress",
    "Status",
    "Video",
    "VideoModel",
    "get_model",
    "list_models",
]
