"""The text of a document, JSON or YAML, as plain data. Nothing in it is run or fetched."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from langchain_apilaplas.errors import DocumentError

EXTRA = "Install what reads it: pip install 'langchain-apilaplas[openapi]'."
_SHOWN = 100
_LONGEST = 3_000_000  # the gateway's own pages reach 2.3 million characters
_MOST_NODES = 250_000
_DEEPEST = 100
_GIVE = "Give an OpenAPI 3 document as a dict, as JSON or YAML text, or as the path of such a file."


def refuse(problem: str, next_step: str = "Correct the document, or give another one.") -> NoReturn:
    """Raise the one error there is for documents."""
    raise DocumentError(problem, next_step=next_step)


def short(value: object) -> str:
    """What a message shows of what a document says."""
    if isinstance(value, str):
        return repr(clip(value))
    is_plain = isinstance(value, float) or (isinstance(value, int) and abs(value) < 10**20)
    return repr(value) if is_plain else f"of type {type(value).__name__}"


def clip(text: str, longest: int = _SHOWN) -> str:
    """A text on one line, cut where it grows too long."""
    line = " ".join(text[: 10 * longest].split())
    if len(line) <= longest:
        return line
    head, _, tail = line[:longest].rpartition(" ")
    return (head or tail).rstrip(" ,;:") + "…"


def read(document: object) -> dict[str, Any]:
    """A document in whatever form it is given, as a dict.

    Raises:
        DocumentError: It can't be read; says why.
    """
    if isinstance(document, Path):
        document = _file(document)
    elif isinstance(document, str) and re.match(r"\s*\w+://\S+\s*$", document[:2000]):
        refuse(
            f"{short(document)} is the address of a document; nothing is fetched.",
            "Give the document itself, not its address.",
        )
    elif isinstance(document, str) and re.fullmatch(r".+\.(json|ya?ml)", document[:4000], re.I):
        document = _file(Path(document))
    data = _parsed(document) if isinstance(document, str) else document
    if not isinstance(data, Mapping):
        refuse(
            "The document is empty."
            if data is None
            else f"The document is {short(data)}, not an object.",
            _GIVE,
        )
    return dict(data)


def _file(path: Path) -> str:
    try:
        if not path.is_file():  # a pipe or a device might never end
            refuse(f"There is no file {short(str(path))}.", _GIVE)
        with path.open("rb") as file:
            return file.read(4 * _LONGEST).decode("utf-8-sig")
    except UnicodeDecodeError:
        refuse(f"The file {short(path.name)} is not UTF-8 text.")
    except (OSError, ValueError) as error:
        refuse(f"The file {short(str(path))} can't be read ({type(error).__name__}).", _GIVE)


def _parsed(text: str) -> object:
    if len(text) > _LONGEST:
        refuse(
            f"The document is {len(text):,} characters long; at most {_LONGEST:,} are read.",
            "Cut it down to the operations of one model.",
        )
    text = text.lstrip("\ufeff \t\r\n")
    return _json(text) if text[:1] in ("{", "[", '"') else _yaml(text)


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        refuse(f"The document is not valid JSON, at line {error.lineno}: {error.msg}.")
    except ValueError:  # of an integer with thousands of digits
        refuse("The document is not valid JSON: a number has too many digits.")
    except RecursionError:
        refuse(f"The document is nested deeper than {_DEEPEST} levels.")


def _yaml(text: str) -> object:
    try:
        import yaml  # noqa: PLC0415 - an extra
    except ImportError:
        refuse("Reading YAML needs PyYAML.", EXTRA)
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        # Events, not `load`: CSafeLoader builds nested data recursively and crashes on deep ones,
        # and its YAML 1.1 makes 16:9 the number 969 and `on` true.
        return _Builder().build(yaml.parse(text, Loader=loader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "unreadable"
        refuse(f"The document is not valid YAML: {problem}{where}.")
    except ValueError:  # a lone surrogate, or an integer with thousands of digits
        refuse("The document is not valid YAML: it has characters or numbers that can't be read.")


_SCALARS: tuple[tuple[re.Pattern[str], Callable[[str], Any]], ...] = (
    (re.compile(r"|~|null|Null|NULL"), lambda _: None),
    (re.compile(r"true|True|TRUE"), lambda _: True),
    (re.compile(r"false|False|FALSE"), lambda _: False),
    (re.compile(r"[-+]?[0-9]+"), int),
    (re.compile(r"0o[0-7]+"), lambda text: int(text[2:], 8)),
    (re.compile(r"0x[0-9a-fA-F]+"), lambda text: int(text[2:], 16)),
    (re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"), float),
    (
        re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"),
        lambda text: float(text.replace(".", "")),
    ),
)
"""What a bare word is: the core schema of YAML 1.2.2, section 10.3.2. Anything else is text."""


@dataclass
class _Open:
    """A list or an object that has not ended yet."""

    value: list[Any] | dict[str, Any]
    anchor: str | None
    key: str | None = None


@dataclass
class _Builder:
    """Makes plain data of YAML's events. What an alias names is shared, not copied."""

    anchors: dict[str, Any] = field(default_factory=dict)
    open: list[_Open] = field(default_factory=list)
    result: Any = None
    documents: int = 0
    nodes: int = 0

    def build(self, events: Iterable[Any]) -> object:
        for event in events:
            self._count()
            getattr(self, f"_{type(event).__name__}", lambda _: None)(event)
        return self.result

    def _count(self, more: int = 1) -> None:
        self.nodes += more
        if self.nodes > _MOST_NODES:
            refuse(f"The document has more than {_MOST_NODES:,} parts.")

    def _DocumentStartEvent(self, _: Any) -> None:  # noqa: N802 - named as the event
        self.documents += 1
        if self.documents > 1:
            refuse("The text holds more than one YAML document.")

    def _ScalarEvent(self, event: Any) -> None:  # noqa: N802
        top = self.open[-1] if self.open else None
        if top and isinstance(top.value, dict) and top.key is None:
            top.key = event.value
            return
        value = _scalar(event)
        if event.anchor:
            self.anchors[event.anchor] = value
        self._add(value)

    def _AliasEvent(self, event: Any) -> None:  # noqa: N802
        if event.anchor not in self.anchors:
            refuse(f"The YAML alias {short('*' + event.anchor)} is unknown, or lies in itself.")
        self._add(self.anchors[event.anchor])

    def _SequenceStartEvent(self, event: Any) -> None:  # noqa: N802
        self._start(event, [])

    def _MappingStartEvent(self, event: Any) -> None:  # noqa: N802
        self._start(event, {})

    def _start(self, event: Any, value: list[Any] | dict[str, Any]) -> None:
        if event.tag:
            _refuse_tag(event.tag)
        if len(self.open) >= _DEEPEST:
            refuse(f"The document is nested deeper than {_DEEPEST} levels.")
        self.open.append(_Open(value, event.anchor))

    def _SequenceEndEvent(self, _: Any) -> None:  # noqa: N802
        ended = self.open.pop()
        if ended.anchor:
            self.anchors[ended.anchor] = ended.value
        self._add(ended.value)

    _MappingEndEvent = _SequenceEndEvent

    def _add(self, value: Any) -> None:
        if not self.open:
            self.result = value
            return
        top = self.open[-1]
        if isinstance(top.value, list):
            top.value.append(value)
        elif top.key is None:
            refuse("A YAML key is an alias or a list; a plain word is needed.")
        else:
            self._put(top.value, top.key, value)
            top.key = None

    def _put(self, target: dict[str, Any], key: str, value: Any) -> None:
        """Merge keys, `<<: *base`, are YAML 1.1, but documents use them."""
        if key != "<<":
            target[key] = value
            return
        for base in value if isinstance(value, list) else [value]:
            if isinstance(base, dict):
                self._count(len(base))
                target.update({**base, **target})


def _scalar(event: Any) -> Any:
    if event.tag:
        return (
            event.value if event.tag in ("!", "tag:yaml.org,2002:str") else _refuse_tag(event.tag)
        )
    if event.implicit[0]:
        for pattern, make in _SCALARS:
            if pattern.fullmatch(event.value):
                return make(event.value)
    return event.value


def _refuse_tag(tag: str) -> NoReturn:
    refuse(f"The YAML tag {short(tag)} is not read; only plain data is.", "Take the tag out.")
