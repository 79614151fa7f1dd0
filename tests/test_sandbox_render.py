"""What the sandbox films: looked at scene by scene, and in a few files, by their pixels."""

import base64
import io
from typing import Any

import av
import pytest
from PIL import Image, ImageChops, ImageDraw, ImageFont, ImageStat

from langchain_apilaplas.catalog import Param, VideoModel, get_model
from langchain_apilaplas.sandbox import stills
from langchain_apilaplas.sandbox.camera import Camera, camera, ordered
from langchain_apilaplas.sandbox.pictures import fitted as fit
from langchain_apilaplas.sandbox.pictures import opened
from langchain_apilaplas.sandbox.render import (
    SIZES,
    Scene,
    caption_of,
    captioned,
    render,
    scene_of,
    size_of,
)
from langchain_apilaplas.sandbox.stills import address_card, title_card
from tests.conftest import ROCKET

ROCKET_URI = "data:image/jpeg;base64," + base64.b64encode(ROCKET.read_bytes()).decode()


def filmed(model: str = "runway/gen4_turbo", **body: Any) -> Scene:
    return scene_of(get_model(model), body)


def pictured(**body: Any) -> Scene:
    return filmed(image_url=ROCKET_URI, **body)


def data_uri(image: Image.Image) -> str:
    return "data:image/png;base64," + base64.b64encode(encoded(image)).decode()


def fitted(picture: bytes, size: tuple[int, int]) -> Image.Image:
    return fit(opened(picture), size)


def difference(a: Image.Image, b: Image.Image) -> float:
    """Mean difference of two pictures' pixels, 0 to 255."""
    return sum(ImageStat.Stat(ImageChops.difference(a, b)).mean) / 3


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def says_sandbox(image: Image.Image) -> bool:
    """Whether the word stands at the bottom left, light letters with a dark edge."""
    corner = image.crop((0, image.height - 60, 200, image.height))
    at, font = (24, 8), ImageFont.load_default(size=28)
    word, mask = Image.new("L", corner.size), Image.new("L", corner.size)
    ImageDraw.Draw(word).text(at, "SANDBOX", 255, font, stroke_width=2, stroke_fill=0)
    ImageDraw.Draw(mask).text(at, "SANDBOX", 255, font, stroke_width=2)
    off = ImageChops.difference(corner.convert("L"), word)
    inside = mask.point(lambda value: 255 if value == 255 else 0)
    return ImageStat.Stat(off, inside).mean[0] < 25


def frames(video: bytes) -> list[Image.Image]:
    """Of a file that any browser plays."""
    assert video.index(b"moov") < video.index(b"mdat"), "plays before it is all there"
    with av.open(io.BytesIO(video)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert stream.average_rate == 24
        return [frame.to_image() for frame in container.decode(stream)]


@pytest.mark.parametrize(
    ("model", "body", "seconds", "size"),
    [
        ("runway/gen4_turbo", {"image_url": ROCKET_URI, "prompt": "Rise"}, 5, (1280, 720)),
        ("luma-ai/v2", {"duration": "2s", "aspect_ratio": "9:16"}, 2, (720, 1280)),
    ],
)
def test_a_video_is_h264_of_the_asked_shape_and_length_with_the_word_on_every_frame(
    model: str, body: dict[str, Any], seconds: int, size: tuple[int, int]
) -> None:
    scene, caption = filmed(model, **body), caption_of(get_model(model), body)
    images = frames(render(scene, caption))
    assert len(images) == seconds * 24
    assert images[0].size == size
    assert all(map(says_sandbox, images))
    for image, at in ((images[0], 0.0), (images[-1], 1.0)):
        assert difference(image, captioned(scene.frame(at), caption)) < 4
    assert difference(images[0], images[-1]) > 5, "the camera moved"


@pytest.mark.parametrize("ground", ["white", "black", "noise"])
def test_the_word_can_be_read_on_any_ground(ground: str) -> None:
    noise = Image.effect_noise((640, 360), 120).convert("RGB")
    image = noise if ground == "noise" else Image.new("RGB", (640, 360), ground)
    assert not says_sandbox(image)
    assert not says_sandbox(captioned(image.copy(), "XXXXXXX"))
    assert says_sandbox(captioned(image, "SANDBOX"))


@pytest.mark.parametrize("prompt", ["", "zoom out", "static", "pan left", "tilt up"])
@pytest.mark.parametrize("ratio", ["16:9", "9:16", "21:9"])
def test_the_first_frame_is_the_picture(prompt: str, ratio: str) -> None:
    scene = pictured(prompt=prompt, ratio=ratio, seed=3)
    assert difference(scene.frame(0), fitted(ROCKET.read_bytes(), SIZES[ratio])) < 0.5


def test_the_first_frame_is_the_picture_to_the_pixel_in_its_own_shape() -> None:
    scene = filmed("video-01", first_frame_image=ROCKET_URI)
    assert scene.size == (1280, 854)
    assert difference(scene.frame(0), fitted(ROCKET.read_bytes(), scene.size)) == 0


def test_zooming_out_leaves_the_picture_smaller_and_whole() -> None:
    scene = pictured(prompt="zoom out", ratio="1:1")
    small = fitted(ROCKET.read_bytes(), (960, 960)).resize((672, 672))
    assert difference(scene.frame(1).crop((144, 144, 816, 816)), small) < 15


@pytest.mark.parametrize("prompt", ["Go", "a static shot", "zoom out"])
def test_a_seed_gives_the_same_again_and_another_seed_another(prompt: str) -> None:
    once, again, other = (pictured(prompt=prompt, seed=seed).frame(1) for seed in (1, 1, 2))
    assert difference(once, again) == 0
    assert difference(once, other) > 1


def test_pictures_keep_their_orientation_transparency_and_depth() -> None:
    halves = Image.new("RGB", (80, 40), "red")
    halves.paste("blue", (40, 0, 80, 40))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise
    turned = fitted(encoded(halves, "JPEG", exif=exif, quality=95), (40, 80))
    assert difference(turned.crop((0, 0, 40, 30)), Image.new("RGB", (40, 30), "red")) < 6
    clear = fitted(encoded(Image.new("RGBA", (40, 40), (255, 0, 0, 0))), (40, 40))
    assert clear.getpixel((20, 20)) == (255, 255, 255)
    deep = fitted(encoded(Image.new("I;16", (40, 40), 30_000)), (40, 40))
    assert deep.getpixel((20, 20)) == (117, 117, 117)


@pytest.mark.parametrize(
    ("prompt", "move"),
    [
        ("The rocket lifts off", Camera(y=(0.0, -1.0))),
        ("Slowly zoom out to reveal the sea", Camera((1.0, 0.7))),
        ("Pan left across the towers", Camera(x=(0.0, -1.0))),
        ("The camera pans right", Camera(x=(0.0, 1.0))),
        ("tilt down to the sea", Camera(y=(0.0, 1.0))),
        ("a static shot", Camera((1.0, 1.0))),
        ("A dog barks", Camera()),
        ("", Camera()),
    ],
)
def test_the_camera_moves_as_the_prompt_says(prompt: str, move: Camera) -> None:
    shown = camera(prompt, 0)
    assert shown.zoom == move.zoom
    if move.x != (0.0, 0.0):
        assert shown.x == move.x
    else:
        assert shown.y == move.y


# --- what a request may say about the picture ---


@pytest.mark.parametrize(
    ("model", "body", "size"),
    [
        ("runway/gen4_turbo", {"image_url": ROCKET_URI}, SIZES["16:9"]),
        ("runway/gen4_turbo", {"image_url": ROCKET_URI, "ratio": "21:9"}, SIZES["21:9"]),
        ("luma-ai/v2", {"aspect_ratio": "9:21"}, SIZES["9:21"]),
        ("wan/v2.1/1.3b/text-to-video", {}, SIZES["16:9"]),
        ("video-01", {"first_frame_image": ROCKET_URI}, (1280, 854)),
        ("video-01", {"first_frame_image": "https://example.com/a.jpg"}, SIZES["16:9"]),
        ("video-01", {"prompt": "A fox"}, SIZES["16:9"]),
        ("veo2/image-to-video", {"image_url": ROCKET_URI}, (1280, 854)),
        ("veo2/image-to-video", {"image_url": ROCKET_URI, "aspect_ratio": "auto"}, (1280, 854)),
        ("veo2/image-to-video", {"image_url": ROCKET_URI, "aspect_ratio": "9:16"}, SIZES["9:16"]),
        ("kling-video/v1/pro/image-to-video", {"image_url": ROCKET_URI, "ratio": "1:1"},
         (1280, 854)),
    ],
)  # fmt: skip
def test_the_video_has_the_asked_ratio_else_the_images(
    model: str, body: dict[str, Any], size: tuple[int, int]
) -> None:
    assert size_of(get_model(model), body) == size
    assert filmed(model, **body).frame(0.5).size == size


@pytest.mark.parametrize(
    ("ratio", "size"), [("2:3", (854, 1280)), ("1920x1080", (1280, 720)), ("1:0", (1280, 720))]
)
def test_a_row_of_ones_own_may_have_other_ratios(ratio: str, size: tuple[int, int]) -> None:
    model = VideoModel("m", "me", "/m", (Param("aspect_ratio", "shape", "text", "Shape."),))
    assert size_of(model, {"shape": ratio}) == size


@pytest.mark.parametrize(
    ("model", "body", "seconds"),
    [
        ("runway/gen4_turbo", {}, 5),
        ("runway/gen4_turbo", {"duration": 10}, 10),
        ("gen3a_turbo", {}, 10),
        ("veo2", {"duration": 7}, 7),
        ("luma-ai/v2", {"duration": "9s"}, 9),
        ("luma-ai/v2", {"duration": "60s"}, 10),
        ("luma-ai/v2", {"duration": "9" * 400}, 10),
        ("luma-ai/v2", {"duration": "0.2"}, 1),
        ("luma-ai/v2", {"duration": "long"}, 5),
        ("wan/v2.1/1.3b/text-to-video", {}, 5),
    ],
)
def test_a_video_is_as_long_as_asked(model: str, body: dict[str, Any], seconds: int) -> None:
    assert filmed(model, **body).seconds == seconds


def test_a_prompt_alone_becomes_a_title_card_of_its_own() -> None:
    fox, again, owl, nothing = (
        filmed("veo2", prompt=text).frame(0) for text in ("A fox", "A fox", "An owl", "")
    )
    assert difference(fox, again) == 0
    assert difference(fox, owl) > 5
    whites = fox.convert("L").point(lambda value: 255 if value > 250 else 0)
    left, top, right, bottom = whites.getbbox() or (0, 0, 0, 0)
    assert right - left > 150, "the letters can be read"
    assert (left > 128, top > 72, right < 1152, bottom < 648) == (True,) * 4
    assert difference(nothing, owl) > 5


@pytest.mark.parametrize("prompt", ["Дракон 山 🚀 \ud83d", "word " * 400, "x" * 2000])
def test_any_prompt_finds_room_on_its_card(prompt: str) -> None:
    for ratio in ("16:9", "9:21"):
        card = filmed("luma-ai/v2", prompt=prompt, aspect_ratio=ratio).frame(0).convert("L")
        box = card.point(lambda value: 255 if value > 250 else 0).getbbox()
        assert box
        assert box[0] > card.width * 0.1
        assert box[2] < card.width * 0.9


def test_a_machine_without_worldly_fonts_does_what_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stills, "_WORLDLY", ("no-such-font.ttf",))
    assert title_card("Дракон", (640, 360)).size == (640, 360)


def test_the_video_ends_with_the_last_image() -> None:
    blue = data_uri(Image.new("RGB", (640, 360), "blue"))
    scene = filmed("gen3a_turbo", image_url=ROCKET_URI, last_image_url=blue, seed=5)
    without = filmed("gen3a_turbo", image_url=ROCKET_URI, seed=5)
    target = Image.new("RGB", scene.size, "blue")
    assert difference(scene.frame(1), target) == 0
    assert difference(scene.frame(0.5), without.frame(0.5)) == 0
    distances = [difference(scene.frame(at), target) for at in (0.6, 0.7, 0.8, 0.9, 1.0)]
    assert distances == sorted(distances, reverse=True)
    address = filmed("gen3a_turbo", image_url=ROCKET_URI, last_image_url="https://a/b.jpg")
    assert difference(address.frame(1), address_card("https://a/b.jpg", address.size)) == 0


def test_a_loop_leads_back_to_where_it_began() -> None:
    scene = filmed("luma-ai/v2", prompt="zoom out", aspect_ratio="1:1", loop=True)
    assert difference(scene.frame(0), scene.frame(1)) == 0
    assert difference(scene.frame(0), scene.frame(0.5)) > 3
    once = filmed("luma-ai/v2", prompt="zoom out", aspect_ratio="1:1", loop=False)
    assert difference(once.frame(0), once.frame(1)) > 3


def test_a_video_goes_on_from_a_frame_and_leads_to_another() -> None:
    red, green = (Image.new("RGB", (640, 360), color) for color in ("red", "green"))
    body = {"prompt": "A fox", "aspect_ratio": "1:1"}
    scene = scene_of(get_model("luma-ai/v2"), body, before=red, after=green)
    assert difference(scene.frame(0), red.resize((960, 960))) == 0
    assert difference(scene.frame(1), green.resize((960, 960))) == 0


def test_the_first_of_several_images_is_filmed() -> None:
    model = VideoModel("m", "me", "/m", (Param("images", "refs", "images", "Pictures."),))
    red, blue = (data_uri(Image.new("RGB", (64, 64), color)) for color in ("red", "blue"))
    scene = scene_of(model, {"refs": [red, blue]})
    assert difference(scene.frame(0), Image.new("RGB", (1280, 1280), "red")) == 0


def test_the_words_stay_inside_of_a_narrow_video() -> None:
    image = captioned(Image.new("RGB", (672, 400)), "SANDBOX  " + "long-model-id/" * 4)
    right = (image.convert("L").getbbox() or (0, 0, 0, 0))[2]
    assert 400 < right < 660


def kling(movement: str, value: int) -> Camera | None:
    return ordered(
        {"advanced_camera_control": {"movement_type": movement, "movement_value": value}}
    )


@pytest.mark.parametrize(
    ("said", "move"),
    [
        ("forward_up", Camera((1.0, 1.5), y=(0.0, -1.0))),
        ("left_turn_forward", Camera((1.0, 1.5), x=(0.0, -1.0))),
        ("elsewhere", None),
    ],
)
def test_a_camera_movement_is_ordered_by_name(said: str, move: Camera | None) -> None:
    assert ordered({"camera_control": said}) == move


@pytest.mark.parametrize(
    ("movement", "value", "move"),
    [
        ("horizontal", 10, Camera((1.4, 1.4), x=(-1.0, 1.0))),
        ("vertical", -10, Camera((1.4, 1.4), y=(-1.0, 1.0))),
        ("pan", -5, Camera((1.0, 1.4), x=(0.0, -0.5))),
        ("tilt", 10, Camera((1.0, 1.4), y=(0.0, -1.0))),
        ("roll", 5, Camera((1.0, 1.0), roll=(0.0, 15.0))),
        ("zoom", 10, Camera((1.0, 1.6))),
        ("zoom", -10, Camera((1.0, 0.7))),
        ("zoom", -(10**400), Camera((1.0, 0.7))),
        ("dive", 1, None),
    ],
)
def test_a_camera_movement_is_ordered_by_measure(
    movement: str, value: int, move: Camera | None
) -> None:
    assert kling(movement, value) == move


def test_an_ordered_movement_goes_before_the_prompts() -> None:
    model, size = "kling-video/v1/standard/text-to-video", (200, 200)
    roll = {"movement_type": "roll", "movement_value": 10}
    scene = filmed(model, prompt="zoom out", advanced_camera_control=roll)
    assert scene.move == Camera((1.0, 1.0), roll=(0.0, 30.0))
    halves = Image.new("RGB", (300, 300), "red")
    halves.paste("blue", (150, 0, 300, 300))
    turned = Scene(halves, size, scene.move, tint=(0, 0, 0)).frame(1)
    expected = halves.rotate(30).crop((50, 50, 250, 250))
    assert difference(turned, expected) < 12
