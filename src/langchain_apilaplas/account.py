"""The two clients of one account, made of whatever a developer gave a tool."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from pydantic import SecretStr

from langchain_apilaplas.async_client import AsyncApilaplasClient
from langchain_apilaplas.client import ApilaplasClient
from langchain_apilaplas.errors import SettingsError
from langchain_apilaplas.ledger import Ledger, MemoryLedger, choose
from langchain_apilaplas.limiter import RateLimiter
from langchain_apilaplas.settings import Settings
from langchain_apilaplas.storage import Storage


@dataclass(frozen=True)
class Account:
    """Clients that pay from one account. One is missing where it would go around the other's
    `http_client`.
    """

    settings: Settings
    client: ApilaplasClient | None
    async_client: AsyncApilaplasClient | None

    @classmethod
    def of(
        cls,
        *,
        client: ApilaplasClient | None,
        async_client: AsyncApilaplasClient | None,
        api_key: SecretStr | None,
        base_url: str | None,
        ledger: choose.Choice | None,
        storage: Storage | None,
        rate_limiter: RateLimiter | None,
    ) -> "Account":
        """The clients given, and those that can be made of the same settings.

        They keep one ledger, so that what one submits the other knows: the one that the tool or a
        client names; else that of `APILAPLAS_LEDGER`; else the one in this system's usual place.
        Likewise one storage, the tool's before theirs, and the tool's limiter; what is private to
        one is to both.

        Raises:
            SettingsError: There is no key, or what was given belongs to different accounts.
        """
        if client is None and async_client is None:
            client = ApilaplasClient(api_key=api_key, base_url=base_url)
        given: list[ApilaplasClient | AsyncApilaplasClient] = [
            one for one in (client, async_client) if one is not None
        ]
        settings = given[0].settings
        keys = {api_key or settings.api_key, *(one.settings.api_key for one in given)}
        urls = {base_url or settings.base_url, *(one.settings.base_url for one in given)}
        if len(keys) > 1 or len(urls) > 1:
            raise SettingsError(
                "The tool was given several keys or addresses.",
                next_step="Give client= and async_client= of one account, or api_key= and "
                "base_url=.",
            )
        theirs = [one.rules for one in given]
        rules: dict[str, Any] = {
            "ledger": _ledger([one.ledger for one in given if one.names_ledger], ledger),
            "storage": storage or next(filter(None, (rule["storage"] for rule in theirs)), None),
            "private_prompts": any(rule["private_prompts"] for rule in theirs),
        }
        if rate_limiter:
            rules["rate_limiter"] = rate_limiter
        if not any(one.has_own_http_client for one in given):
            same = {**vars(settings), **given[0].rules}
            client = client or ApilaplasClient(**same)
            async_client = async_client or AsyncApilaplasClient(**same)
        return cls(
            settings,
            client and client.ruled(**rules),
            async_client and async_client.ruled(**rules),
        )

    def blocking(self) -> ApilaplasClient:
        """The client for `invoke`."""
        return self.client or self._missing("client")

    def awaited(self) -> AsyncApilaplasClient:
        """The client for `ainvoke`."""
        return self.async_client or self._missing("async_client")

    def rated(self) -> ApilaplasClient:
        """A client to ask what a generation costs, which takes no connection."""
        return self.client or ApilaplasClient(**vars(self.settings), **self.awaited().rules)

    def _missing(self, name: str) -> NoReturn:
        raise SettingsError(
            "This tool was given one client, with an http_client of its own, and is called the "
            "other way.",
            next_step=f"The developer must give {name}= too.",
        )


def _ledger(theirs: Sequence[Ledger], given: choose.Choice | None) -> Ledger:
    """The one that was named.

    Raises:
        SettingsError: Several were.
    """
    named = [*theirs, *([] if given is None else [choose.named(given)])]
    in_memory = all(isinstance(ledger, MemoryLedger) for ledger in named)
    if len(set(map(id, named))) > 1 and not in_memory:
        raise SettingsError(
            "The tool was given several ledgers.",
            next_step="Give ledger= to the clients or to the tool, the same to all.",
        )
    return named[0] if named else choose.from_environment(choose.DEFAULT)
