"""What both clients are made of: settings, calls, and the connections to make them over."""

from typing import Generic

from pydantic import SecretStr

from langchain_apilaplas.calls import Calls
from langchain_apilaplas.errors import SettingsError
from langchain_apilaplas.pools import H, Pools, tls
from langchain_apilaplas.settings import Settings


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
        universal: bool = False,
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
            universal=universal,
        )
        self._calls = Calls(self.settings)
        self._pools = Pools[H](http_client, lambda: self._kind(verify=tls()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self.settings.base_url!r})"

    @property
    def has_own_http_client(self) -> bool:
        """Whether `http_client` was given."""
        return self._pools.given is not None
