"""Both tools over one client."""

from typing import Any

from langchain_core.tools import BaseTool, BaseToolkit
from pydantic import PrivateAttr

from langchain_apilaplas.tools import ApilaplasGenerateVideo, ApilaplasGetVideo


class ApilaplasVideoToolkit(BaseToolkit):
    """Both tools over one client: `ApilaplasVideoToolkit().get_tools()`.

    Takes what `ApilaplasGenerateVideo` takes. What is not about generating, such as `max_wait`,
    `tags` or `callbacks`, is for both tools.
    """

    _tools: list[BaseTool] = PrivateAttr()

    def __init__(self, **options: Any) -> None:
        super().__init__()
        generate = ApilaplasGenerateVideo(**options)
        own = ("name", "description", "fixed", "args_schema")
        shared = {
            name: options[name]
            for name in ApilaplasGetVideo.model_fields
            if name in options and name not in own
        }
        account = generate._account
        same = {
            "client": account.client,
            "async_client": account.async_client,
            "storage": generate.storage,
            "rate_limiter": generate.rate_limiter,
        }
        self._tools = [generate, ApilaplasGetVideo(**{**shared, **same})]

    def get_tools(self) -> list[BaseTool]:
        """`generate_video` and `get_video`."""
        return list(self._tools)
