"""Pictures turned upright, converted and scaled; and what is said where there is no Pillow."""

import base64
import io
import os

import pytest
from PIL import Image, ImageCms

from langchain_apilaplas import ImageInput, VideoRequest, converting, get_model
from langchain_apilaplas.errors import InvalidRequestError
from langchain_apilaplas.shortening import _most
from tests.drawn import encoded, frames, heavy, opened, png, turned

GEN4, HAILUO = get_model("runway/gen4_turbo"), get_model("video-01")


def decoded(image: ImageInput) -> Image.Image:
    return opened(base64.b64decode(image.encoded))


def noise(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.frombytes("RGB", (width, height), os.urandom(width * height * 3)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "AVIF"])
def test_other_formats_become_jpeg_and_that_is_told(kind: str) -> None:
    image = ImageInput.of(encoded(kind))
    assert (image.media_type, image.width, image.height) == ("image/jpeg", 300, 200)
    assert image.fixes == (f"converted from {kind} to JPEG",)
    red, green, blue = decoded(image).convert("RGB").getpixel((10, 10))  # type: ignore[misc]
    assert red > 200
    assert max(green, blue) < 80


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16", "F"])
def test_every_mode_of_pillows_can_be_sent(mode: str) -> None:
    drawn = Image.new("RGB", (30, 20), "white").convert(mode if mode != "I;16" else "I")
    drawn = drawn.convert("I;16") if mode == "I;16" else drawn
    assert ImageInput.of(drawn).width == 30


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize(
    ("orientation", "corner"), [(3, (290, 190)), (6, (190, 10)), (8, (10, 290))]
)
def test_a_turned_picture_is_set_upright(
    kind: str, orientation: int, corner: tuple[int, int]
) -> None:
    image = ImageInput.of(turned(orientation, kind))
    assert (image.width, image.height) == ((300, 200) if orientation == 3 else (200, 300))
    assert decoded(image).convert("RGB").getpixel(corner)[0] > 200  # type: ignore[index]
    assert "turned upright" in image.fixes or kind == "TIFF"
    assert not decoded(image).getexif(), "it says nothing of places and dates"


@pytest.mark.parametrize("kind", ["GIF", "TIFF"])
def test_an_animation_is_refused(kind: str) -> None:
    with pytest.raises(ValueError, match="is animated, or holds several pictures"):
        ImageInput.of(frames(kind))


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "AVIF"])
def test_a_damaged_file_is_told_in_one_sentence(kind: str) -> None:
    with pytest.raises(ValueError, match="can't be read as a picture"):
        ImageInput.of(encoded(kind)[:60])


def test_a_format_without_a_reader_is_told() -> None:
    heif = b"\0\0\0\x18ftypheic" + bytes(50)
    with pytest.raises(
        ValueError, match=r"is HEIF, .*Pillow can't read.*save it as JPEG, or .*pillow-heif"
    ):
        ImageInput.of(heif)


@pytest.mark.usefixtures("no_pillow")
def test_without_pillow_a_heif_picture_needs_more_than_that() -> None:
    with pytest.raises(ValueError, match=r"is HEIF, .*; save it as JPEG, or .*pillow-heif"):
        ImageInput.of(b"\0\0\0\x18ftypheic" + bytes(50))


def test_what_would_take_gigabytes_is_refused_before_it_is_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("langchain_apilaplas.formats.MOST_PIXELS", 1000)
    monkeypatch.setattr(converting, "_upright", None)
    for given in (encoded("BMP"), Image.new("RGB", (100, 100))):
        with pytest.raises(ValueError, match="pixels, more than"):
            ImageInput.of(given)


def profile(space: bytes) -> bytes:
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return bytes(data[:16] + space + data[20:])


@pytest.mark.parametrize(
    ("mode", "space", "kept"),
    [("RGB", b"RGB ", True), ("CMYK", b"CMYK", False), ("L", b"GRAY", True),
     ("I;16", b"GRAY", True), ("L", b"RGB ", False), ("P", b"RGB ", True)],
)  # fmt: skip
def test_a_color_profile_is_kept_only_where_it_suits(mode: str, space: bytes, kept: bool) -> None:
    buffer, embedded = io.BytesIO(), profile(space)
    Image.new(mode, (30, 20)).save(buffer, "TIFF", icc_profile=embedded)
    assert decoded(ImageInput.of(buffer.getvalue())).info.get("icc_profile") == (
        embedded if kept else None
    )


@pytest.mark.parametrize(("mode", "clear"), [("RGB", (255, 0, 0)), ("L", 76), ("P", 0), ("1", 0)])
def test_a_transparent_color_becomes_white_in_a_jpeg(mode: str, clear: object) -> None:
    buffer = io.BytesIO()
    color = 0 if mode in ("P", "1") else clear
    Image.new(mode, (40, 30), color).save(buffer, "PNG", transparency=clear)  # type: ignore[arg-type]
    image = ImageInput.of(buffer.getvalue()).fitted(("image/jpeg",), None, 1, "is a PNG")
    assert decoded(image).convert("RGB").getpixel((5, 5)) == (255, 255, 255)
    kept = decoded(ImageInput.of(opened(buffer.getvalue()))).convert("RGBA").getpixel((5, 5))
    assert kept[3] == 0  # type: ignore[index]


@pytest.mark.parametrize("most", [1.0, 0.5, 255.0, 4000.0])
def test_pixels_of_fractions_keep_their_brightness(most: float) -> None:
    drawn = Image.new("F", (40, 30), most)
    drawn.paste(most / 2, (0, 0, 20, 30))
    drawn.paste(0.0, (0, 0, 4, 30))
    buffer = io.BytesIO()
    drawn.save(buffer, "TIFF")
    shown = decoded(ImageInput.of(buffer.getvalue()))
    black, half, full = (shown.getpixel((x, 10)) for x in (1, 12, 35))
    assert (black, full) == (0, 127 if most == 0.5 else 255)
    assert half == pytest.approx(full / 2, abs=3)  # type: ignore[operator]


def test_a_format_that_the_model_does_not_take_is_converted() -> None:
    request = VideoRequest.check(HAILUO, {"prompt": "Go", "image": encoded("WEBP", (600, 400))})
    assert request.values["image"].media_type == "image/jpeg"
    assert request.fixes[0].endswith("bytes was converted from WEBP to JPEG.")


def test_a_picture_that_is_too_long_for_the_request_is_scaled() -> None:
    data = noise(1600, 1000)
    request = VideoRequest.check(GEN4, {"prompt": "Go", "image": data})
    assert len(request.body) < 5_000_000 < len(data) * 4 / 3
    image = request.values["image"]
    assert image.ratio == pytest.approx(1.6, abs=0.01)
    [fix] = request.fixes
    done = f"image: a picture of {len(data):,} bytes was converted from PNG to JPEG"
    assert fix in (f"{done}.", f"{done} and scaled from 1600\u00d71000 to {_size(image)}.")


def _size(image: ImageInput) -> str:
    return f"{image.width}\u00d7{image.height}"


def test_two_pictures_share_the_room_there_is() -> None:
    row = get_model("gen3a_turbo")
    given = {"image": heavy(4_000_000), "last_image": noise(1300, 1000)}
    request = VideoRequest.check(row, given)
    assert len(request.body) <= 5_000_000
    assert [fix.partition(":")[0] for fix in request.fixes] == ["image", "last_image"]


def test_a_small_picture_stays_as_it_is_beside_a_big_one() -> None:
    row, big, small = get_model("gen3a_turbo"), noise(2200, 1700), noise(300, 200)
    for name, other in (("image", "last_image"), ("last_image", "image")):
        request = VideoRequest.check(row, {name: big, other: small})
        assert request.values[other].fixes == ()
        assert request.values[name].size > 2_500_000, "the rest of the room is the big one's"
        assert len(request.body) <= 5_000_000


@pytest.mark.usefixtures("no_pillow")
def test_the_picture_that_is_too_big_is_blamed() -> None:
    given = {"image": png(300, 200), "last_image": heavy(5_000_000)}
    with pytest.raises(InvalidRequestError) as caught:
        VideoRequest.check(get_model("gen3a_turbo"), given)
    assert [problem.partition(":")[0] for problem in caught.value.problems] == ["last_image"]


@pytest.mark.parametrize("sizes", [[10**6], [10**6, 10**6], [40, 10**6], [10, 20, 10**6]])
def test_pictures_of_the_most_that_is_allowed_never_fill_more_than_the_room(
    sizes: list[int],
) -> None:
    for room in range(300, 330):
        most = _most(sizes, room)
        big = sum(len(base64.b64encode(bytes(most))) + 1 for size in sizes if size > room)
        assert room - 15 < big + sum(size for size in sizes if size <= room) <= room


@pytest.mark.parametrize("size", [(1507, 3014), (3014, 1507), (1407, 1407)])
def test_no_limit_of_the_shape_is_left_by_scaling(size: tuple[int, int]) -> None:
    request = VideoRequest.check(GEN4, {"prompt": "Go", "image": noise(*size)})
    image = request.values["image"]
    assert "scaled" in request.fixes[0] or size[0] == size[1]
    assert 0.5 <= image.ratio <= 2.0
    assert image.ratio == pytest.approx(size[0] / size[1], rel=0.002)


@pytest.mark.parametrize("size", [(1507, 3014), (3015, 1206), (999, 999), (1000, 999)])
def test_whatever_the_scale_a_picture_gets_no_further_from_a_square(size: tuple[int, int]) -> None:
    ratio = size[0] / size[1]
    for scale in range(10, 1000):
        width, height = converting._scaled(size, scale / 1000)
        assert min(1.0, ratio) <= width / height <= max(1.0, ratio)
        assert abs(width - size[0] * scale / 1000) < 1.01
    assert converting._scaled(size, 1.0) == size


@pytest.mark.parametrize("most", [15_000, 8_000, 3_000])
@pytest.mark.parametrize("size", [(1206, 3015), (3015, 1206), (999, 999)])
def test_a_jpeg_many_times_too_big_is_decoded_at_a_part_and_looks_the_same(
    most: int, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    flat, loaded = converting._flat, list[int]()
    note = loaded.append
    monkeypatch.setattr(converting, "_flat", lambda image: note(image.width) or flat(image))
    picture = Image.linear_gradient("L").resize(size).convert("RGB")
    picture.paste("red", (0, 0, size[0] // 3, size[1] // 3))
    buffer = io.BytesIO()
    picture.effect_spread(6).save(buffer, "JPEG", quality=95)
    image = ImageInput.of(buffer.getvalue()).fitted((), most, 1, "is too big")
    ratio = size[0] / size[1]
    assert image.size <= most
    assert image.ratio == pytest.approx(ratio, rel=0.02)
    assert min(1.0, ratio) <= image.ratio <= max(1.0, ratio)
    assert loaded == [-(-size[0] // n) for n in (2, 4, 8) if loaded[0] == -(-size[0] // n)]
    assert image.fixes == (f"scaled from {size[0]}\u00d7{size[1]} to {_size(image)}",)
    small, there = picture.resize((24, 24)), decoded(image).resize((24, 24))
    worst = max(
        abs(a - b) for x in range(24) for y in range(24) if x not in (7, 8) and y not in (7, 8)
        for a, b in zip(small.getpixel((x, y)), there.getpixel((x, y)), strict=True)  # type: ignore[arg-type]
    )  # fmt: skip
    assert worst < 60


def test_a_picture_is_scaled_once_and_not_below_what_the_model_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    image = ImageInput.of(noise(400, 400))
    fitted = image.fitted((), 60_000, 1, "is too big")
    assert image.fitted((), 60_000, 1, "is too big") is fitted
    assert fitted.size <= 60_000
    assert fitted.identity == image.identity
    with pytest.raises(ValueError, match="is too big; scaled down to that, it would be too small"):
        image.fitted((), 10_000, 301, "is too big")


@pytest.mark.usefixtures("no_pillow")
@pytest.mark.parametrize(
    ("data", "model", "problem"),
    [
        (encoded("TIFF"), GEN4, "bytes is TIFF, which has to be converted to JPEG first"),
        (turned(6), GEN4, "is stored turned (by EXIF) and would lie on its side; save it upright"),
        (encoded("WEBP", (600, 400)), HAILUO, "is image/webp; allowed: JPEG or PNG"),
        (heavy(5_000_000), GEN4, "bytes long; allowed: at most 5,000,000"),
    ],
    ids=["format", "turned", "the model's formats", "size"],
)
def test_without_pillow_it_is_said_what_to_do(data: bytes, model: object, problem: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        VideoRequest.check(model, {"prompt": "Go", "image": data})  # type: ignore[arg-type]
    assert problem in str(caught.value)
    assert "; install Pillow (pip install 'langchain-apilaplas[images]')" in str(caught.value)
    assert "Nothing was charged" in str(caught.value)
