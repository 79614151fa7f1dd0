"""The short conversations with the API: get one, or several. Each is a generator of effects."""

import math
from collections.abc import Sequence

from langchain_apilaplas.books import Books
from langchain_apilaplas.catalog import VideoModel
from langchain_apilaplas.effects import Flow, Now, Sleep, T, logger
from langchain_apilaplas.errors import ApilaplasError, RateLimitError
from langchain_apilaplas.generation import Generation
from langchain_apilaplas.pacing import PATIENCE, Pace
from langchain_apilaplas.sending import Send
from langchain_apilaplas.wire import Exchange, Wire

GET_ATTEMPTS = 4
REFUSALS = 10
"""So often a request without a deadline is sent that was too many for the server each time."""
AT_ONCE = 50
"""So many ids fit into an address that every proxy takes."""
_LATER = "Call again later, or allow more time."
_NO_TURN = "It was not its turn to be sent in the time given: there are too many requests."


def get(
    generation_id: str, model: VideoModel, api: Wire, pace: Pace, books: Books
) -> Flow[Generation]:
    """Look once, and again a few times where there was no usable answer."""
    found = yield from persist(api.look(model, generation_id), GET_ATTEMPTS, pace)
    logger.debug("Generation %s: %s", found.id, found.status.value)
    yield from books.note(found)
    return found


def get_many(
    generation_ids: Sequence[str], model: VideoModel, api: Wire, pace: Pace, books: Books
) -> Flow[list[Generation]]:
    """Look at several, fifty with one request where the model's row knows how."""
    found: list[Generation] = []
    if model.how_to_fetch.many_path:
        for start in range(0, len(generation_ids), AT_ONCE):
            exchange = api.look_at_many(model, generation_ids[start : start + AT_ONCE])
            found += yield from persist(exchange, GET_ATTEMPTS, pace)
        for generation in found:
            yield from books.note(generation)
        return found
    for generation_id in generation_ids:
        found.append((yield from get(generation_id, model, api, pace, books)))
    return found


def ask(exchange: Exchange[T], sent: float) -> Flow[T]:
    """Send once, when it is one's turn, as `RateLimiter.turn` tells, and read the answer. Whatever
    goes wrong becomes an error of ours.

    `except Exception` on purpose: once a request has left, nothing else may escape.
    """
    limiter = exchange.limiter
    try:
        answer = yield from _asked(exchange, sent)
    finally:
        limiter.ended()
    limiter.took(sent)
    return answer


def _asked(exchange: Exchange[T], sent: float) -> Flow[T]:
    try:
        return exchange.read((yield Send(exchange.request, exchange.left)))
    except RateLimitError as error:
        exchange.limiter.slow_down((yield from now()), sent, error.retry_after)
        raise
    except ApilaplasError:
        raise
    except GeneratorExit:
        if exchange.left:
            exchange.left(None)
        raise
    except Exception as error:
        raise exchange.failure(error) from error


def persist(
    exchange: Exchange[T],
    attempts: int,
    pace: Pace,
    deadline: float | None = None,
    slack: float = 0.0,
) -> Flow[T]:
    """Try again what may be tried again, as long as the wait is short and ends in time.

    One that was too many for the server queues again at the head, until the deadline if there is
    one. With `slack` it lets others go first, as of `RateLimiter.turn`.
    """
    failures = refusals = 0
    since = yield from now()
    last: ApilaplasError = no_turn()
    until = math.inf if deadline is None else deadline
    while True:
        sent = yield from exchange.limiter.turn(slack, until, since)
        if sent is None:
            raise last
        try:
            return (yield from ask(exchange, sent))
        except RateLimitError as error:
            last, refusals, time = error, refusals + 1, (yield from now())
            pause = error.retry_after or 0.0
            gives_up = deadline is None and (refusals == REFUSALS or pause > PATIENCE)
            if gives_up or time + pause > until:
                raise
        except ApilaplasError as error:
            last, failures = error, failures + 1
            pause = pace.backoff(failures, error.retry_after)
            late = (yield from now()) + pause > until
            if not error.retry or failures == attempts or pause > PATIENCE or late:
                raise
            yield Sleep(pause)
            continue
        if pause > PATIENCE:  # that was meant for this one, not for all
            yield Sleep(pause)


def no_turn() -> RateLimitError:
    """There are too many requests, so that one was not sent."""
    return RateLimitError(_NO_TURN, next_step=_LATER)


def now() -> Flow[float]:
    """The time, typed."""
    time: float = yield Now()
    return time
