"""A stand-in for the Apilaplas API, for demos and tests: no key, no cost, real videos.

`Sandbox` answers in-process (`transport()`); `Server` serves it over HTTP, as does
`python -m langchain_apilaplas.sandbox`. The functions beside them are troubles to order.
"""

try:
    from langchain_apilaplas.sandbox.faults import (
        dripping,
        dropped,
        endless,
        expired_link,
        failed_generation,
        garbage,
        http_error,
        no_video,
        redirect,
        repeated_id,
        slow,
        truncated,
        unknown_status,
        unreachable,
    )
    from langchain_apilaplas.sandbox.gateway import Received, Sandbox
    from langchain_apilaplas.sandbox.server import Server
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"The sandbox needs {error.name}: pip install 'langchain-apilaplas[sandbox]'",
        name=error.name,
    ) from error

__all__ = [
    "Received",
    "Sandbox",
    "Server",
    "dripping",
    "dropped",
    "endless",
    "expired_link",
    "failed_generation",
    "garbage",
    "http_error",
    "no_video",
    "redirect",
    "repeated_id",
    "slow",
    "truncated",
    "unknown_status",
    "unreachable",
]
