"""Your own agent, tested offline: `pytest examples/test_my_agent.py`.

The fixture `apilaplas_sandbox` comes with `langchain-apilaplas[sandbox]`. It serves a stand-in for
the API on loopback and points the environment to it, so the tools below need no arguments.
"""

import pytest
from langchain.agents import create_agent
from langchain_openai import ChatOpenAI

from langchain_apilaplas import ApilaplasVideoToolkit
from langchain_apilaplas.sandbox import Sandbox, failed_generation, http_error

ASK = "Animate https://example.com/cat.jpg: the cat yawns, 10 seconds long."


@pytest.fixture
def ask(apilaplas_sandbox: Sandbox):
    model = ChatOpenAI(model="any", base_url=f"{apilaplas_sandbox.url}/v1", api_key="sandbox")
    agent = create_agent(model, ApilaplasVideoToolkit().get_tools())
    return lambda text: agent.invoke({"messages": [("user", text)]})["messages"]


def test_the_user_gets_the_link(ask, apilaplas_sandbox: Sandbox) -> None:
    answer = ask(ASK)[-1].text
    assert apilaplas_sandbox.url in answer


def test_the_video_is_paid_for_once_and_is_what_was_asked_for(
    ask, apilaplas_sandbox: Sandbox
) -> None:
    ask(ASK)
    [body] = apilaplas_sandbox.accepted
    assert body["duration"] == 10
    assert body["image_url"] == "https://example.com/cat.jpg"


def test_a_bad_gateway_while_waiting_costs_nothing(ask, apilaplas_sandbox: Sandbox) -> None:
    apilaplas_sandbox.order(http_error(502, on="fetch", retry_after=0))
    assert apilaplas_sandbox.url in ask(ASK)[-1].text
    assert len(apilaplas_sandbox.accepted) == 1


def test_a_failed_generation_is_explained_to_the_user(ask, apilaplas_sandbox: Sandbox) -> None:
    apilaplas_sandbox.order(failed_generation("The picture was flagged by moderation"))
    messages = ask(ASK)
    assert "flagged by moderation" in messages[-1].text
    assert messages[-2].artifact["charged"] == "yes"
