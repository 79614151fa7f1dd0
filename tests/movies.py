"""Movies of a few kilobytes, where nobody looks at the picture."""

import io

import av


def movie(kind: str = "mp4", *, video: bool = True, seed: int = 0) -> bytes:
    """A real one, of some ten frames; or with sound only."""
    file = io.BytesIO()
    with av.open(file, "w", format=kind) as container:
        if video:
            stream = container.add_stream("mpeg4", rate=10)
            stream.width = stream.height = 64
            frame = av.VideoFrame(64, 64, "yuv420p")
            for plane in frame.planes:
                plane.update(bytes((seed * 7 + n) % 251 for n in range(plane.buffer_size)))
        else:
            stream = container.add_stream("aac", rate=44_100)
            frame = av.AudioFrame(format="fltp", layout="mono", samples=1024)
            frame.sample_rate = 44_100
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
        for n in range(10):
            frame.pts = n * (1 if video else 1024)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


MP4 = movie()
_FTYP = int.from_bytes(MP4[:4], "big")
_MOOV = MP4.index(b"moov") - 4
MOOV_FIRST = MP4[:_FTYP] + MP4[_MOOV:] + MP4[_FTYP:_MOOV]
"""As hosts have it who mean it to be played while it comes."""
MATROSKA = movie("matroska")
