"""The two clients of one account, made of whatever a developer gave a tool."""

from dataclasses import dataclass
from typing import NoReturn

from pydantic import SecretStr

from langchain_apilaplas.client import ApilaplasClient, AsyncApilaplasClient
from langchain_apilaplas.errors import SettingsError
from langchain_apilaplas.settings import Settings


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
        client: ApilaplasClient | None,
        async_client: AsyncApilaplasClient | None,
        api_key: SecretStr | None,
        base_url: str | None,
    ) -> "Account":
        """The clients given, and those that can be made of the same settings.

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
        if not any(one.has_own_http_client for one in given):
            client = client or ApilaplasClient(**vars(settings))
            async_client = async_client or AsyncApilaplasClient(**vars(settings))
        return cls(settings, client, async_client)

    def blocking(self) -> ApilaplasClient:
        """The client for `invoke`."""
        return self.client or self._missing("client")

    def awaited(self) -> AsyncApilaplasClient:
        """The client for `ainvoke`."""
        return self.async_client or self._missing("async_client")

    def _missing(self, name: str) -> NoReturn:
        raise SettingsError(
            "This tool was given one client, with an http_client of its own, and is called the "
            "other way.",
            next_step=f"The developer must give {name}= too.",
        )
