import pytest
from pydantic import SecretStr

from langchain_apilaplas.errors import SettingsError
from langchain_apilaplas.pacing import POLL_COST
from langchain_apilaplas.settings import DEFAULT_BASE_URL, Settings


def test_arguments_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APILAPLAS_API_KEY", "from-env")
    monkeypatch.setenv("APILAPLAS_BASE_URL", "https://env.example")
    settings = Settings.resolve(api_key="given", base_url="https://given.example/")
    assert settings == Settings(SecretStr("given"), "https://given.example")


@pytest.mark.parametrize("name", ["APILAPLAS_API_KEY", "LAPLASAPI_KEY"])
def test_either_variable_gives_the_key(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "  from-env\n")
    settings = Settings.resolve()
    assert settings == Settings(SecretStr("from-env"), DEFAULT_BASE_URL)


def test_an_empty_variable_is_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APILAPLAS_API_KEY", "")
    with pytest.raises(SettingsError, match=r"APILAPLAS_API_KEY.*sandbox"):
        Settings.resolve()


def test_a_key_no_header_can_carry_is_refused_without_being_shown() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.resolve(api_key="sk-secret\nX-Other: 1")
    assert "sk-secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["api.example", "ftp://api.example", "https://", "https://u:p@api.example", "http://x:y",
     "https://api.example?x=1", "https://api.example/#x", "http://[::1"],
)  # fmt: skip
def test_a_malformed_base_url_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="base_url"):
        Settings.resolve(api_key="k", base_url=url)


def test_the_poll_interval_comes_from_argument_or_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert Settings.resolve(api_key="k").poll_interval is None
    monkeypatch.setenv("APILAPLAS_POLL_INTERVAL", "2.5")
    assert Settings.resolve(api_key="k").poll_interval == 2.5
    assert Settings.resolve(api_key="k", poll_interval=0).poll_interval == 0
    for wrong in ("soon", "-1", "nan", "inf"):
        monkeypatch.setenv("APILAPLAS_POLL_INTERVAL", wrong)
        with pytest.raises(SettingsError, match="poll_interval"):
            Settings.resolve(api_key="k")


def test_the_cost_of_a_look_comes_from_argument_or_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert Settings.resolve(api_key="k").poll_cost == POLL_COST
    monkeypatch.setenv("APILAPLAS_POLL_COST", "0.5")
    assert Settings.resolve(api_key="k").poll_cost == 0.5
    assert Settings.resolve(api_key="k", poll_cost=0).poll_cost == 0
    monkeypatch.setenv("APILAPLAS_POLL_COST", "cheap")
    with pytest.raises(SettingsError, match="poll_cost"):
        Settings.resolve(api_key="k")


def test_a_timeout_must_be_positive() -> None:
    with pytest.raises(SettingsError, match="timeout"):
        Settings.resolve(api_key="k", timeout=0)
