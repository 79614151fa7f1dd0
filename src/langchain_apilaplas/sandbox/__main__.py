"""`python -m langchain_apilaplas.sandbox`: serves the sandbox until Ctrl-C."""

import argparse
import math

from langchain_apilaplas.sandbox import Sandbox, Server


def main() -> None:
    """Parse the command line, print the address, serve."""
    parser = argparse.ArgumentParser(
        prog="python -m langchain_apilaplas.sandbox",
        description="A stand-in for the Apilaplas API: no key, no cost, real videos.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="0 picks a free one (%(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=8.0, help="how long a generation takes (%(default)s)"
    )
    parser.add_argument(
        "--requests-per-second",
        type=float,
        default=math.inf,
        help="how many it takes before it answers 429 (any number)",
    )
    options = parser.parse_args()
    sandbox = Sandbox(seconds=options.seconds, requests_per_second=options.requests_per_second)
    try:
        with Server(sandbox, host=options.host, port=options.port) as server:
            print(sandbox.url, flush=True)  # noqa: T201
            server.wait()
    except (OSError, OverflowError) as error:
        parser.error(f"can't listen on {options.host}, port {options.port}: {error}")


if __name__ == "__main__":
    main()
