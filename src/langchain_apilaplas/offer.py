"""The models that a tool offers: which of them takes a request, and what to say when none does."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_apilaplas.catalog import Param, VideoModel, get_model
from langchain_apilaplas.errors import InvalidRequestError, SettingsError
from langchain_apilaplas.images import ImageInput
from langchain_apilaplas.request import VideoRequest, check_value, check_values
from langchain_apilaplas.values import ToImage, take


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
        return cls(rows, {name: _fixed(rows, name, value) for name, value in fixed.items()})

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
            others = self._takers(args, to_image)
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
        closest, refusal = min(refusals, key=lambda pair: len(pair[1].problems))
        if len(self.models) == 1:
            raise refusal
        told = [f"{closest.id}: {problem}" for problem in refusal.problems]
        if takers := self._takers(args, to_image):
            told.append(f"Of the models offered, taken as it is by: {', '.join(takers)}.")
        else:
            told.insert(0, "None of the models offered takes all of this; the closest is this one.")
            told += self._partly(refusal, args, to_image)
        raise InvalidRequestError(*told)

    def _takers(self, args: dict[str, Any], to_image: ToImage) -> list[str]:
        """Which of the models offered take the arguments as they are."""
        takers = []
        for model in self.models:
            try:
                VideoRequest.check(model, args, fixed=self.fixed, to_image=to_image)
            except InvalidRequestError:
                continue
            takers.append(model.id)
        return takers

    def _partly(
        self, refusal: InvalidRequestError, args: dict[str, Any], to_image: ToImage
    ) -> list[str]:
        """For each argument refused, which of the models offered would take that one."""
        names = [re.split(r"[:.[]", problem, maxsplit=1)[0] for problem in refusal.problems]
        found = []
        for name in dict.fromkeys(name for name in names if name in args):
            takers = [
                m.id for m in self.models if _takes(m, self.fixed, name, args[name], to_image)
            ]
            found += [f"{name} as given is taken by {', '.join(takers)}."] if takers else []
        return found


def _fixed(rows: Sequence[VideoModel], name: str, value: object) -> object:
    having = [row for row in rows if row.param(name)] or rows[:1]
    try:
        for row in having:
            checked = check_value(row, name, value)
            if isinstance(checked, ImageInput):
                value = checked  # a file is read once
    except ValueError as error:
        raise SettingsError(" ".join([f"With {row.id}:", *error.args])) from None
    return value


def _takes(
    model: VideoModel, fixed: Mapping[str, Any], name: str, value: object, to_image: ToImage
) -> bool:
    param = model.param(name)
    if param is None or not param.for_agents or name in fixed:
        return False
    try:
        take(param, value, to_image)
    except ValueError:
        return False
    return True


def _remembering(to_image: ToImage) -> ToImage:
    """The same, but an attached picture is decoded once for all the models that are tried."""
    images: dict[str, ImageInput] = {}

    def remembered(value: object) -> ImageInput:
        if not isinstance(value, str):
            return to_image(value)
        if value not in images:
            images[value] = to_image(value)
        return images[value]

    return remembered
