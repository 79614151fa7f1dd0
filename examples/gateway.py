"""The real API when there is a key, the sandbox when there is none."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from langchain_apilaplas import ApilaplasClient
from langchain_apilaplas.sandbox import Sandbox, Server


@contextmanager
def open_client() -> Iterator[ApilaplasClient]:
    if os.environ.get("APILAPLAS_API_KEY") or os.environ.get("LAPLASAPI_KEY"):
        with ApilaplasClient() as client:
            print(f"Using {client.settings.base_url} with your key. This costs credits.")
            yield client
        return
    print("No APILAPLAS_API_KEY is set: using the sandbox, which is free and makes demo videos.")
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"  # the sandbox is on this machine
    sandbox = Sandbox(seconds=8)
    with (
        Server(sandbox),
        ApilaplasClient(
            api_key="sandbox", base_url=sandbox.url, poll_interval=1, ledger="off"
        ) as client,
    ):
        yield client
