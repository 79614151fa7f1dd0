"""The models that a tool offers: which of them takes a request, and what to say when none does."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_apilaplas.catalog import Param, VideoModel, get_model
from langchain_apilaplas.errors import InvalidRequestError, SettingsError
from langchain_apilaplas.images import ImageInput
from langchain_apilaplas.nested import ToImage
from langchain_apilaplas.request import (
    VideoRequest,
    check_fixed,
    check_value,
    check_values,
    open_params,
)


@dataclass(frozen=True)
class Offer:
    """What an agent can choose from. Made by `of` only.

    Attributes:
        models: The rows, in the developer's order of preference.
        fixed: What the developer has set. A model that knows no such parameter is not sent it.
    """

    models: tuple[VideoModel, ...]
    fixed: Mapping[str, Any]

    @classmethod
    def of(cls, models: Sequence[str | VideoModel], fixed: Mapping[str, Any]) -> "Offer":
        """Check what the developer gave, and read the files that were named.

        Raises:
            SettingsError: A model is unknown, none was given, or a fixed value does not fit.
        """
        rows = tuple({row.id: row for row in map(get_model, models)}.values())
        if not rows:
            raise SettingsError("models needs at least one model.")
        return cls(rows, _fixed(rows, fixed))

    @property
    def choice(self) -> Param:
        """The parameter that names a model; offered when there are several."""
        return Param(
            "model",
            "model",
            "text",
            "Which model makes it. Left out: the first one that takes what is given.",
            choices=tuple(model.id for model in self.models),
        )

    def request(self, args: Mapping[str, Any], to_image: ToImage) -> VideoRequest:
        """The request to the model that the agent names, else to the first that takes it.

        Raises:
            InvalidRequestError: None does; says what is wrong, and which model offered would.
        """
        args, to_image = dict(args), _remembering(to_image)
        if len(self.models) == 1:
            return self._first(self.models, args, to_image)
        named, fixes, problems = check_values([self.choice], {"model": args.pop("model", None)})
        if problems:
            others = self._takers(self.models, args, to_image)
            hint = [f"The other arguments are taken by: {', '.join(others)}."] if others else []
            raise InvalidRequestError(*problems, *hint)
        models = [model for model in self.models if model.id == named.get("model", model.id)]
        request = self._first(models, args, to_image)
        return dataclasses.replace(request, fixes=(*fixes, *request.fixes))

    def _first(
        self, models: Sequence[VideoModel], args: dict[str, Any], to_image: ToImage
    ) -> VideoRequest:
        refusals: list[tuple[VideoModel, InvalidRequestError]] = []
        for model in models:
            try:
                return VideoRequest.check(model, args, fixed=self.fixed, to_image=to_image)
            except InvalidRequestError as error:
                refusals.append((model, error))
        closest, refusal = min(refusals, key=lambda pair: _distance(pair[1]))
        if len(self.models) == 1:
            raise refusal
        told = [f"{closest.id}: {problem}" for problem in refusal.problems]
        others = [model for model in self.models if model not in models]
        if takers := self._takers(others, args, to_image):
            told.append(f"Of the models offered, taken as it is by: {', '.join(takers)}.")
        else:
            closest_is = "" if others else "; the closest is this one"
            told.insert(0, f"None of the models offered takes all of this{closest_is}.")
            told += self._partly(closest, refusal, args, to_image)
        raise InvalidRequestError(*told)

    def _takers(
        self, models: Sequence[VideoModel], args: dict[str, Any], to_image: ToImage
    ) -> list[str]:
        """Which of the models take the arguments as they are."""
        takers = []
        for model in models:
            try:
                VideoRequest.check(model, args, fixed=self.fixed, to_image=to_image)
            except InvalidRequestError:
                continue
            takers.append(model.id)
        return takers

    def _partly(
        self,
        closest: VideoModel,
        refusal: InvalidRequestError,
        args: dict[str, Any],
        to_image: ToImage,
    ) -> list[str]:
        """For each argument refused, which of the models offered would take that one."""
        names = [re.split(r"[:.[]", problem, maxsplit=1)[0] for problem in refusal.problems]
        found = []
        for name in dict.fromkeys(name for name in names if name in args):
            takers = [model for model in self.models if self._takes(model, name, args, to_image)]
            if takers and closest not in takers:  # it is this value, not what came along with it
                ids = ", ".join(model.id for model in takers)
                found.append(f"{name} as given is taken by {ids}.")
        return found

    def _takes(
        self, model: VideoModel, name: str, args: Mapping[str, Any], to_image: ToImage
    ) -> bool:
        params = [param for param in open_params(model, self.fixed) if param.name == name]
        return bool(params) and not check_values(params, {name: args[name]}, to_image)[2]


_PICTURES = ("image", "images")


def _distance(refusal: InvalidRequestError) -> tuple[int, int]:
    """How far a request is from being taken: what was given wrongly weighs more than what is not
    there yet.
    """
    absent = [problem for problem in refusal.problems if re.match(r"\w+: missing\.", problem)]
    return len(refusal.problems) - len(absent), len(absent)


def _fixed(rows: Sequence[VideoModel], fixed: Mapping[str, Any]) -> dict[str, Any]:
    """What was fixed, if every model can be sent what it knows of it. Files are read once."""
    known = {name: _read(rows, name, value) for name, value in fixed.items()}
    for row in rows:
        needed = [name for name in known if _is_needed(rows, name)]
        try:
            for name in (name for name in needed if row.param(name) is None):
                check_value(row, name, known[name])  # says which there are
            check_fixed(row, known)
        except ValueError as error:
            raise SettingsError(" ".join([f"With {row.id}:", *error.args])) from None
    return known


def _is_needed(rows: Sequence[VideoModel], name: str) -> bool:
    """Whether every model must know it: no video may be made without the picture that was fixed."""
    params = [param for row in rows if (param := row.param(name))]
    return not params or any(param.kind in (*_PICTURES, "id") for param in params)


def _read(rows: Sequence[VideoModel], name: str, value: Any) -> Any:
    """Pictures read, each model then fits them to its own limits. What is none, the checks tell."""
    if not any(param.kind in _PICTURES for row in rows if (param := row.param(name))):
        return value
    try:
        if isinstance(value, list | tuple):
            return [ImageInput.of(item) for item in value]
        return ImageInput.of(value)
    except ValueError:
        return value


def _remembering(to_image: ToImage) -> ToImage:
    """The same, but an attached picture is decoded once for all the models that are tried."""
    known: dict[str, ImageInput | ValueError] = {}

    def remembered(value: object) -> ImageInput:
        if not isinstance(value, str):
            return to_image(value)
        if value not in known:
            try:
                known[value] = to_image(value)
            except ValueError as error:
                known[value] = error
        found = known[value]
        if isinstance(found, ValueError):
            raise found
        return found

    return remembered
