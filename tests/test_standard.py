"""LangChain's standard tests: unit, and integration played from cassettes."""

from typing import Any

import pytest
from langchain_core.tools import BaseTool
from langchain_tests.integration_tests import ToolsIntegrationTests
from langchain_tests.unit_tests import ToolsUnitTests

from langchain_apilaplas import (
    ApilaplasClient,
    ApilaplasGenerateVideo,
    ApilaplasGetVideo,
    AsyncApilaplasClient,
)

PICTURE = (
    "https://upload.wikimedia.org/wikipedia/commons/thumb/6/68/"
    "Liebener_Spitze_SW.JPG/1280px-Liebener_Spitze_SW.JPG"
)
ENVIRONMENT = (
    {"APILAPLAS_API_KEY": "from-env", "APILAPLAS_BASE_URL": "https://env.example"},
    {},
    {"api_key": "from-env", "base_url": "https://env.example"},
)


class TestGenerateVideo(ToolsUnitTests):
    tool_constructor = ApilaplasGenerateVideo  # type: ignore[assignment]
    tool_constructor_params = {"api_key": "test"}  # type: ignore[assignment]
    tool_invoke_params_example = {"prompt": "Clouds pass", "image": PICTURE}  # type: ignore[assignment]
    init_from_env_params = ENVIRONMENT  # type: ignore[assignment]


class TestGetVideo(ToolsUnitTests):
    tool_constructor = ApilaplasGetVideo  # type: ignore[assignment]
    tool_constructor_params = {"api_key": "test"}  # type: ignore[assignment]
    tool_invoke_params_example = {"generation_id": "d0cddca1"}  # type: ignore[assignment]
    init_from_env_params = ENVIRONMENT  # type: ignore[assignment]


@pytest.mark.vcr
class TestGenerateVideoPlayed(ToolsIntegrationTests):
    tool_constructor = ApilaplasGenerateVideo  # type: ignore[assignment]
    tool_invoke_params_example = {  # type: ignore[assignment]
        "prompt": "Clouds pass over the mountain",
        "image": PICTURE,
        "duration": 5,
        "aspect_ratio": "16:9",
    }

    @pytest.fixture
    def tool(self, gateway: dict[str, Any]) -> BaseTool:
        return ApilaplasGenerateVideo(
            client=ApilaplasClient(**gateway), async_client=AsyncApilaplasClient(**gateway)
        )
