"""After a restart: every open job of a ledger is waited for again, what was not kept is kept."""

from collections.abc import Callable

from langchain_apilaplas.books import Books
from langchain_apilaplas.effects import Flow, logger
from langchain_apilaplas.errors import ApilaplasError, AuthenticationError
from langchain_apilaplas.flows import now
from langchain_apilaplas.generation import Generation
from langchain_apilaplas.ledger import UNSETTLED, Job, State

Wait = Callable[[str, float, float], Flow[Generation]]


def resume_all(books: Books, timeout: float, wait: Wait) -> Flow[list[Job]]:
    """Wait for all that is open, and for videos that are yet to be stored, `timeout` seconds in
    all; gives each job as it stands then.

    They render side by side, so waiting for one after the other takes no longer. Each is looked at
    once, even when the time is up. `wait` waits for one generation, some seconds at most, and
    begins to store nothing after an instant.
    """
    deadline = (yield from now()) + timeout
    jobs = yield from books.jobs(UNSETTLED)
    jobs = [*jobs, *(yield from books.unstored())]
    after = []
    for job in jobs:
        time = yield from now()
        is_late = job.state is State.COMPLETED and time >= deadline
        if job.state in (State.SUBMITTED, State.COMPLETED) and job.generation_id and not is_late:
            try:
                yield from wait(job.generation_id, max(0.0, deadline - time), deadline)
            except AuthenticationError:
                raise
            except ApilaplasError as error:
                logger.info("Job %s: %s", job.key, error.problem)
        after.append((yield from books.get(job.key)) or job)
    return after
