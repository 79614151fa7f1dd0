"""What both clients are made of: settings, books, calls, and connections to make them over."""

import copy
import dataclasses
from typing import TYPE_CHECKING, Any, Generic, Literal, Self

from pydantic import SecretStr

from langchain_apilaplas.books import Books
from langchain_apilaplas.errors import SettingsError
from langchain_apilaplas.ledger import Budget, Ledger, choose
from langchain_apilaplas.limiter import RateLimiter
from langchain_apilaplas.object_store import Choice, chosen
from langchain_apilaplas.pools import H, Pools, tls
from langchain_apilaplas.settings import Settings

if TYPE_CHECKING:
    from langchain_core.rate_limiters import BaseRateLimiter

OnUnknown = Literal["report", "resubmit"]


class Connected(Generic[H]):
    """The constructor of both clients."""

    _kind: type[H]

    def __init__(
        self,
        *,
        api_key: str | SecretStr | None = None,
        base_url: str | None = None,
        http_client: H | None = None,
        timeout: float = 30.0,
        poll_interval: float | None = None,
        poll_cost: float | None = None,
        universal: bool = False,
        ledger: choose.Choice | None = None,
        budget: Budget | None = None,
        on_unknown: OnUnknown = "report",
        storage: Choice | None = None,
        private_prompts: bool = False,
        rate_limiter: "RateLimiter | BaseRateLimiter | None" = None,
    ) -> None:
        if not isinstance(http_client, self._kind | None):
            raise SettingsError(
                f"http_client must be an httpx.{self._kind.__name__}, not a "
                f"{type(http_client).__module__}.{type(http_client).__name__}."
            )
        self.settings = Settings.resolve(
            api_key=api_key,
            base_url=base_url,
            timeout=timeout,
            poll_interval=poll_interval,
            poll_cost=poll_cost,
            universal=universal,
        )
        # Without one, a client by itself remembers in memory; a tool that it is given to does not.
        self.names_ledger = ledger is not None
        kept = choose.from_environment(choose.OFF) if ledger is None else choose.named(ledger)
        gateway, store = self.settings.base_url, chosen(storage)
        self.rate_limiter = RateLimiter.of(rate_limiter)
        self._keep(Books(kept, gateway, on_unknown, budget, store, private_prompts))
        self._pools = Pools[H](http_client, lambda: self._kind(verify=tls()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self.settings.base_url!r})"

    @property
    def has_own_http_client(self) -> bool:
        """Whether `http_client` was given."""
        return self._pools.given is not None

    @property
    def ledger(self) -> Ledger:
        """The record of the jobs submitted."""
        return self._books.ledger

    @property
    def rules(self) -> dict[str, Any]:
        """How its books are kept and how fast it may ask, as arguments for another client."""
        names = ("ledger", "budget", "on_unknown", "storage", "private_prompts")
        books = {name: getattr(self._books, name) for name in names}
        return {**books, "rate_limiter": self.rate_limiter}

    def ruled(self, **rules: Any) -> Self:
        """The same client and connections, with some of its `rules` otherwise."""
        mine = self.rules
        if all(mine[name] == rule for name, rule in rules.items()):
            return self
        twin = copy.copy(self)
        twin.rate_limiter = rules.pop("rate_limiter", self.rate_limiter)
        twin._keep(dataclasses.replace(self._books, **rules))
        return twin

    def _keep(self, books: Books) -> None:
        if books.on_unknown not in ("report", "resubmit"):
            raise SettingsError("on_unknown must be 'report' or 'resubmit'.")
        from langchain_apilaplas.calls import Calls  # noqa: PLC0415, with the first client

        self._books = books
        self._calls = Calls(self.settings, books, self.rate_limiter)
