"""Prints the README's table of models, made of their rows: `python tests/models_table.py`."""

from collections.abc import Iterator

from langchain_apilaplas import VideoModel, list_models
from langchain_apilaplas.catalog import Param


def rows() -> Iterator[str]:
    """The lines of the table, in Markdown."""
    yield "| model | starts from | needs | also takes | costs |"
    yield "|---|---|---|---|---|"
    for model in list_models():
        params = [param for param in model.params if param.for_agents]
        needs = ", ".join(_named(param) for param in params if param.required)
        takes = ", ".join(_named(param) for param in params if not param.required)
        costs = f"{model.tokens:,} tokens" if model.tokens else ""
        yield f"| `{model.id}` | {_start(model)} | {needs} | {takes} | {costs} |"


def _named(param: Param) -> str:
    seconds = ", ".join(map(str, param.choices)) if param.name == "duration" else ""
    return f"`{param.name}` {seconds} s" if seconds else f"`{param.name}`"


def _start(model: VideoModel) -> str:
    if model.takes_text and model.takes_image:
        return "text, image"
    return "image" if model.takes_image else "text"


if __name__ == "__main__":
    print(*rows(), sep="\n")  # noqa: T201
