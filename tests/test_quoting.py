import time

import pytest

from langchain_apilaplas.quoting import clean, hide, retry_after, words


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b'{"message": "Body validation error", "statusCode": "400"}', "Body validation error"),
        (b'{"message": ["a", "b"]}', '["a", "b"]'),
        (b'{"detail": [{"msg": "no face"}]}', '[{"msg": "no face"}]'),
        (b'{"errors": ["x too long"]}', '["x too long"]'),
        (b'{"error": {"message": "no"}}', '{"message": "no"}'),
        (b'{"other": 1}', ""),
        (b'{"message": null, "error": "why"}', "why"),
        ('{"message": ["Größe"]}'.encode(), '["Größe"]'),
        (b'"text"', "text"),
        (b"<html><head><TITLE>502 Bad\nGateway</TITLE></head></html>", "502 Bad\nGateway"),
        (b"<!doctype html><html><body>Oops</body></html>", ""),
        (b"upstream connect error", "upstream connect error"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"[" * 100_000, "[" * 8_000),
        (b"", ""),
    ],
)
def test_the_message_is_found_in_json_html_and_plain_text(content: bytes, text: str) -> None:
    assert words(content) == text


def test_a_quote_has_no_key_no_base64_and_no_signed_link() -> None:
    text = (
        "key sk-12345 in data:image/png;base64,iVBORw0KGgo= and "
        "https://cdn.example/a.mp4?_jwt=eyJ.x.y; token eyJh.eyJl.c2ln " + ("QUJD" * 19 + "\n") * 9
    )
    assert clean(text, "sk-12345", {}) == (
        "key *** in data:… and https://cdn.example/a.mp4?… token … …"
    )


def test_secrets_are_hidden_however_they_are_written() -> None:
    for text in (
        r"see https:\/\/cdn.example\/v.mp4?Signature=SECRETSIG",
        "HTTPS://cdn.example/v.mp4?Signature=SECRETSIG",
        "cdn.example/v.mp4?a=1&X-Amz-Signature=SECRETSIG",
        "v.mp4%3FSignature=SECRETSIG",
        "https://bob:SECRETSIG@example.com/a.jpg",
        "https://h.com?mail=a@b&sas=SECRETSIG",
        'DATA:image/png;charset="x";base64,SECRETSIG',
        "A" * 3995 + " SECRETSIG-0123456789",
    ):
        assert "SECRETSIG" not in clean(text, "SECRETSIG-0123456789", {})


def test_prose_is_left_alone() -> None:
    for text in (
        "https://x.com，请联系a@b.com",  # noqa: RUF001
        "data: a token? no, a key=word",
        "see h.com/a?b=c",
    ):
        assert hide(text) == text


def test_hiding_takes_no_time_to_speak_of() -> None:
    begun = time.process_time()
    for text in ("https:/" * 10_000, "data:" * 14_000, "?sig" * 20_000, "a=" * 50_000):
        hide(text)
    assert time.process_time() - begun < 2


def test_a_quote_is_one_short_line_in_the_callers_words() -> None:
    assert clean("image_url:\n  too\tsmall.", "k", {"image_url": "image"}) == "image: too small"
    names = {"ratio": "aspect_ratio"}
    assert clean("'ratio': keep the ratio; ratio: bad", "sk-12345", names) == (
        "'aspect_ratio': keep the ratio; aspect_ratio: bad"
    )
    assert clean("检测到敏感内容" * 12, "k", {}) == "检测到敏感内容" * 12
    assert clean("word " * 100, "k", {}) == ("word " * 60)[:299] + "…"


@pytest.mark.parametrize(
    ("headers", "content", "seconds"),
    [
        ({"Retry-After": "8"}, b"", 8.0),
        ({"Retry-After": "0.5"}, b'{"retry_after": 9}', 0.5),
        ({}, b'{"retry_after": 9}', 9.0),
        (
            {"Retry-After": "Wed, 21 Oct 2026 07:28:10 GMT",
             "Date": "Wed, 21 Oct 2026 07:28:00 GMT"},
            b"",
            10.0,
        ),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:10 GMT"}, b"", None),
        ({"Retry-After": "soon"}, b"", None),
        ({"Retry-After": "9" * 400}, b"", 86_400.0),
        ({}, b'{"retry_after": 1e300}', 86_400.0),
        ({}, b'{"retry_after": NaN}', None),
        (
            {"Retry-After": "Wed, 21 Oct 2026 07:28:10 +99999999999999", "Date": "x"},
            b"",
            None,
        ),
        ({"Retry-After": "-3"}, b"", None),
        ({}, b'{"retry_after": -1}', None),
        ({}, b'{"retry_after": true}', None),
        ({}, b'{"error": {"retry_after": 7}}', 7.0),
        ({}, b'{"error": "retry_after"}', None),
        ({}, b"[]", None),
        ({}, b"<html>", None),
    ],
)  # fmt: skip
def test_the_wait_is_read_from_header_or_body(
    headers: dict[str, str], content: bytes, seconds: float | None
) -> None:
    assert retry_after(headers, content) == seconds
