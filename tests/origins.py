"""Where a frame of a test's dataset claims to come from."""

from dataset.manifest import SyntheticSource


def synthetic_source(index, scene="s", frames=5, marks=("shutter-unknown",)):
    """The origin of pair `index`: windows of `frames` source frames that follow each other."""
    return SyntheticSource(
        scene=scene,
        input_name=f"{scene}.mp4",
        input_sha256="0" * 64,
        recipe="high-fps/centre",
        recipe_sha256="1" * 64,
        first_frame=frames * index,
        frame_count=frames,
        sharp_frame=frames * index + frames // 2,
        rate_hz=240.0,
        shutter_us=None,
        marks=marks,
    )
