"""Everything that can go wrong, one class for each thing a caller can do about it.

::

    ApilaplasError
    ├── SettingsError          the developer sets a key or an address
    │   └── DocumentError      the developer gives another OpenAPI document
    ├── InvalidRequestError    the arguments are corrected; nothing was charged
    ├── AuthenticationError    401: the developer sets another key
    ├── CreditsError           402, 403: the account needs credits
    ├── NotFoundError          404: another id, model or address
    ├── RateLimitError         429: the same call, after `retry_after` seconds
    ├── GatewayError           no usable answer, and nothing accepted: the same call, later
    ├── LedgerError            the ledger can't be written: the developer mends or moves it
    ├── BudgetError            the developer's budget is spent: somebody raises it, or not
    ├── UnknownOutcomeError    a submit whose answer never came: a person looks at the account
    ├── StillRenderingError    the wait is over, the generation is not: get it later
    ├── GenerationFailedError  the server's last word: other arguments, a new generation
    ├── MissingVideoError      completed, but no video came along: get it once more
    └── DownloadError          the file did not arrive: download it again
"""

import re
from collections.abc import Callable
from enum import StrEnum
from typing import ClassVar


class Charged(StrEnum):
    """Whether money was spent. The gateway charges at submit, never at fetch."""

    NO = "no"
    YES = "yes"
    UNKNOWN = "unknown"


_CHARGED_SENTENCES = {
    Charged.NO: "Nothing was charged.",
    Charged.YES: "The generation was charged when it was submitted.",
    Charged.UNKNOWN: "It may have been charged.",
}


class ApilaplasError(Exception):
    """Base of all errors of this package; `str(error)` can be shown to an agent as it is.

    Attributes:
        problem: What was wrong, in one or two sentences.
        next_step: What to do about it, as a sentence.
        charged: Whether money was spent.
        retry: Whether the very same call may simply be made again.
        generation_id: The id the server gave, where it gave one.
        key: The job's key in the ledger, where it has come to stand there.
        status_code: The HTTP status, where there was an answer.
        retry_after: Seconds the server asked to wait.
    """

    charged: Charged = Charged.NO
    retry: bool = False
    default_next_step: ClassVar[str] = ""

    def __init__(
        self,
        problem: str,
        *,
        next_step: str | None = None,
        charged: Charged | None = None,
        generation_id: str | None = None,
        status_code: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.problem = problem
        self.next_step = self.default_next_step if next_step is None else next_step
        self.charged = charged or type(self).charged
        self.generation_id = generation_id
        self.key: str | None = None
        self.status_code = status_code
        self.retry_after = retry_after
        super().__init__(problem)

    def hide(self, without: Callable[[str], str]) -> None:
        """Take words out of all that it says."""
        self.problem = without(self.problem)
        self.args = tuple(map(without, self.args))

    def __str__(self) -> str:
        parts = [self.problem, _CHARGED_SENTENCES[self.charged], self.next_step]
        if self.generation_id and not _names(" ".join(parts), self.generation_id):
            parts.insert(1, f"Generation id: {self.generation_id}.")
        return " ".join(part for part in parts if part)


def _names(text: str, identifier: str) -> bool:
    return bool(re.search(rf"(?<![\w-]){re.escape(identifier)}(?![\w-])", text))


class SettingsError(ApilaplasError):
    """A key, an address or a constructor argument is missing or wrong."""


class DocumentError(SettingsError):
    """No model's row can be made of an OpenAPI document."""


class InvalidRequestError(ApilaplasError):
    """The request was refused, by this package before sending or by the server (400, 413, 422).

    `problems` has one sentence for each thing that is wrong.
    """

    problems: tuple[str, ...]
    default_next_step = "Correct this and call again."

    def hide(self, without: Callable[[str], str]) -> None:
        """See `ApilaplasError.hide`."""
        super().hide(without)
        self.problems = tuple(map(without, self.problems))

    def __init__(
        self, *problems: str, next_step: str | None = None, status_code: int | None = None
    ) -> None:
        self.problems = problems
        super().__init__(" ".join(problems), next_step=next_step, status_code=status_code)


class AuthenticationError(ApilaplasError):
    """The server does not accept the key (401)."""

    default_next_step = (
        "The developer must set a valid APILAPLAS_API_KEY; calling again will not help."
    )


class CreditsError(ApilaplasError):
    """The account has no credits or limits left for this (402, 403)."""

    default_next_step = (
        "Tell the user that the Apilaplas account needs credits or a higher plan; "
        "calling again will not help until then."
    )


class NotFoundError(ApilaplasError):
    """The server knows no such generation, model or path (404)."""


class RateLimitError(ApilaplasError):
    """Too many requests, or the free tier's hourly limit (429)."""

    retry = True


class GatewayError(ApilaplasError):
    """The gateway was not reached, or its answer to a fetch was of no use (5xx, unreadable)."""

    retry = True


class LedgerError(ApilaplasError):
    """The ledger can't be read or written, so nothing is sent that would cost money."""

    default_next_step = (
        "The developer must mend that file or its folder, or choose another one with ledger= or "
        "APILAPLAS_LEDGER ('off' keeps jobs in memory only); calling again will not help."
    )


class BudgetError(ApilaplasError):
    """The developer's budget does not allow another generation."""

    default_next_step = "Do not call generate_video again; tell the user what is left."


class UnknownOutcomeError(ApilaplasError):
    """A submit left, and no answer tells whether it was accepted. It is never sent again."""

    charged = Charged.UNKNOWN
    default_next_step = (
        "Do not call generate_video again for this request: a second generation would be "
        "charged too. Tell the user that the outcome is unknown and that the Apilaplas "
        "account shows whether it was charged."
    )


class StillRenderingError(ApilaplasError):
    """The wait reached its bound before the generation reached its end. It goes on rendering."""

    charged = Charged.YES


class GenerationFailedError(ApilaplasError):
    """The server ended the generation with an error."""

    charged = Charged.YES
    default_next_step = (
        "Change what the message names before you generate again; that is charged again."
    )


class MissingVideoError(ApilaplasError):
    """The generation is completed, but the answer holds no video."""

    charged = Charged.YES


class DownloadError(ApilaplasError):
    """The video file did not arrive whole. Nothing is left at the target path."""

    charged = Charged.YES
    retry = True
    default_next_step = "Download it again; if the link has expired, get a fresh one first."
