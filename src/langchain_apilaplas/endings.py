"""How a wait ends other than well: the errors, and what each says to do next."""

from collections.abc import Sequence

from langchain_apilaplas.errors import (
    ApilaplasError,
    Charged,
    GenerationFailedError,
    InvalidRequestError,
    MissingVideoError,
    NotFoundError,
    StillRenderingError,
)
from langchain_apilaplas.generation import Generation, Status
from langchain_apilaplas.responses import later

REFUSALS = 3
"""So many times in a row may looks after our own submit be refused: by a proxy, or by a part of
the server that has not heard of the generation."""


def give_up_when_refused(
    error: ApilaplasError, refusals: int, generation_id: str, *, ours: bool
) -> None:
    """Raise what refuses looks for good: at once, or after our own submit when it stays so."""
    if refusals > (REFUSALS if ours else 0):
        if ours:
            advise_fetching(error, generation_id)
        raise error


def not_found(generation_id: str, errors: Sequence[ApilaplasError]) -> ApilaplasError:
    """What to say when no path knew the generation: the first trouble that there was, if any."""
    elsewhere = (NotFoundError, InvalidRequestError)
    troubles = [error for error in errors if not isinstance(error, elsewhere)]
    if troubles:
        return troubles[0]
    return NotFoundError(
        f"None of the models offered knows generation {generation_id}.",
        next_step="Check the id; it must be given as generate_video gave it.",
        generation_id=generation_id,
    )


def finished(generation: Generation) -> Generation:
    """A generation that ended well.

    Raises:
        GenerationFailedError: It ended with an error.
        MissingVideoError: It is completed, without a video.
    """
    if generation.status is Status.ERROR:
        raise GenerationFailedError(
            f"The generation failed: {generation.error}.", generation_id=generation.id
        )
    if generation.video is None:
        raise MissingVideoError(
            f"Generation {generation.id} is completed, but the answer holds no video.",
            next_step="Do not generate it again; fetch it once more with get_video, "
            f"generation_id {generation.id}, and if it stays so, ask Apilaplas's support.",
            generation_id=generation.id,
        )
    return generation


def still_rendering(
    generation_id: str, timeout: float, trouble: ApilaplasError | None
) -> StillRenderingError:
    """The end of a wait, not of the generation."""
    last = f" (the last look failed: {trouble.problem.rstrip('.')})" if trouble else ""
    return StillRenderingError(
        f"{generation_id} is still rendering after {timeout:g} s of waiting{last}.",
        next_step="It goes on by itself. Do not call generate_video for it again; fetch it later "
        f"with get_video, generation_id {generation_id}.",
        generation_id=generation_id,
    )


def advise_fetching(error: ApilaplasError, generation_id: str) -> None:
    """Let a refused look say that the generation was accepted, paid for, and is not lost."""
    error.charged = Charged.YES
    if isinstance(error, NotFoundError | InvalidRequestError):
        error.next_step = later(generation_id)
