"""Both tools over one client."""

from typing import Any

from langchain_core.tools import BaseTool, BaseToolkit
from pydantic import PrivateAttr

from langchain_apilaplas.tools import ApilaplasGenerateVideo, ApilaplasGetVideo


class ApilaplasVideoToolkit(BaseToolkit):
    """Both tools over one client: `ApilaplasVideoToolkit().get_tools()`.

    Takes what `ApilaplasGenerateVideo` takes.
    """

    _tools: list[BaseTool] = PrivateAttr()

    def __init__(self, **options: Any) -> None:
        super().__init__()
        generate = ApilaplasGenerateVideo(**options)
        shared = ("model", "client", "async_client", "max_wait")
        get = ApilaplasGetVideo(**{name: getattr(generate, name) for name in shared})
        self._tools = [generate, get]

    def get_tools(self) -> list[BaseTool]:
        """`generate_video` and `get_video`."""
        return list(self._tools)
