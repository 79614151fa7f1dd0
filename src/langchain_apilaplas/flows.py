"""The short conversations with the API: get one, or several. Each is a generator of effects."""

import math
from collections.abc import Sequence

from langchain_apilaplas.books import Books
from langchain_apilaplas.catalog import VideoModel
from langchain_apilaplas.effects import Flow, Now, Sleep, T, logger
from langchain_apilaplas.errors import ApilaplasError
from langchain_apilaplas.generation import Generation
from langchain_apilaplas.pacing import PATIENCE, Pace
from langchain_apilaplas.sending import Send
from langchain_apilaplas.wire import Exchange, Wire

GET_ATTEMPTS = 4
AT_ONCE = 50
"""So many ids fit into an address that every proxy takes."""


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


def ask(exchange: Exchange[T]) -> Flow[T]:
    """Send once and read the answer. Whatever goes wrong becomes an error of ours.

    `except Exception` on purpose: once a request has left, nothing else may escape.
    """
    try:
        return exchange.read((yield Send(exchange.request, exchange.left)))
    except ApilaplasError:
        raise
    except GeneratorExit:
        if exchange.left:
            exchange.left(None)
        raise
    except Exception as error:
        raise exchange.failure(error) from error


def persist(
    exchange: Exchange[T], attempts: int, pace: Pace, deadline: float = math.inf
) -> Flow[T]:
    """Try again what may be tried again, as long as the wait is short and ends in time."""
    attempt = 1
    while True:
        try:
            return (yield from ask(exchange))
        except ApilaplasError as error:
            delay = pace.backoff(attempt, error.retry_after)
            late = (yield from now()) + delay > deadline
            if not error.retry or attempt == attempts or delay > PATIENCE or late:
                raise
        yield Sleep(delay)
        attempt += 1


def now() -> Flow[float]:
    """The time, typed."""
    time: float = yield Now()
    return time
