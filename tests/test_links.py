import base64
import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_apilaplas.links import expiry

MOMENT = datetime(2025, 4, 14, tzinfo=UTC)  # 1744588800
PAGE = (
    "_jwt=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
    "eyJrZXlIYXNoIjoiYiIsImJ1Y2tldCI6InIiLCJzdGFnZSI6InByb2QiLCJleHAiOjE3NDQ1ODg4MDB9.sig"
)


def token(claims: Any) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{payload}.sig"


@pytest.mark.parametrize(
    "query",
    [
        PAGE,
        f"token={token({'exp': 1744588800.0})}",
        "Expires=1744588800&OSSAccessKeyId=LTAI&Signature=x%3D",
        "expires=1744588800&sig=x",
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20250413T000000Z&X-Amz-Expires=86400",
        "X-Goog-Date=20250413T000000Z&X-Goog-Expires=86400",
        "x-oss-date=20250413T230000Z&x-oss-expires=3600",
        "sv=2022-11-02&se=2025-04-14T00%3A00%3A00Z&sig=x",
        "se=2025-04-14T02:00:00%2B02:00&sig=x",
        "Expires=1744588800&expires=1744675200&Expires=1744700000",
        f"Expires=1744675200&{PAGE}",
    ],
)
def test_the_expiry_is_read_from_each_signature(query: str) -> None:
    assert expiry(f"https://a/b.mp4?{query}") == MOMENT


@pytest.mark.parametrize(
    "query",
    ["", "Expires=soon", "Expires=3600", "Expires=1744588800000", "X-Amz-Date=20250413T000000Z",
     "X-Amz-Expires=3600", "X-Amz-Date=now&X-Amz-Expires=60", "se=never", "_jwt=x", "_jwt=a.b.c",
     "_jwt=a.e30.c", "_jwt=a.W10.c", "_jwt=a.eyJleHAiOiJ4In0.c", "_jwt=a.eyJleHAiOjFlOTl9.c",
     "_jwt=a.eyJleHAiOnRydWV9.c", "x-amz-date=99991231T235959Z&x-amz-expires=9999999999",
     "se=0001-01-01T00:00:00%2B14:00&sig=x", "se=2025-04-14", "_jwt=a.eyJleHAiOjB9.c",
     "X-Amz-Date=20250413T000000Z&X-Amz-Expires=-5",
     "X-Amz-Date=20250413T000000Z&X-Amz-Expires=3_600"],
)  # fmt: skip
def test_a_link_that_does_not_tell_has_no_expiry(query: str) -> None:
    assert expiry(f"https://a/b.mp4?{query}") is None


@given(text=st.text(), exp=st.integers() | st.floats() | st.text() | st.lists(st.integers()))
def test_any_text_is_read_without_an_exception(text: str, exp: Any) -> None:
    expiry(text)
    expiry(f"https://a/b?{text}&Expires={exp}&x-amz-date={text}&x-amz-expires={exp}&se={exp}&sig=x")
    expiry(f"https://a/b?t={token({'exp': exp})}")


def test_a_link_of_thousands_of_dates_is_read_at_once() -> None:
    query = "&".join(f"x-amz-date=2025041{n % 10}T000000Z&x-amz-expires={n}" for n in range(6000))
    begun = time.process_time()
    expiry(f"https://a/b?{query}")
    assert time.process_time() - begun < 1
