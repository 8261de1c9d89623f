"""Arms and legs as bones and soft tissue, in mm, with adult and growing proportions.

Lengths and widths are rounded from adult anthropometry; they make pictures, not measurements.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fractura.imaging.phantom.geometry import Anatomy, Bone, Flesh, Point

_Parts = tuple[list[Bone], list[Flesh]]
_Limb = tuple[list[Bone], list[Flesh], Point]

_ARM = {"hand": 300.0, "forearm": 140.0, "elbow": 0.0, "upper arm": -150.0}
_LEG = {"ankle": 370.0, "lower leg": 210.0, "knee": 0.0, "thigh": -200.0}
REGIONS = (*_ARM, *_LEG)


def draw_anatomy(rng: np.random.Generator) -> tuple[Anatomy, Point]:
    """A random limb and the place in it that the beam is centred on."""
    region = str(rng.choice(REGIONS, p=(0.2, 0.16, 0.1, 0.1, 0.12, 0.16, 0.08, 0.08)))
    bones, flesh, middle = _arm(rng, region) if region in _ARM else _leg(rng, region)
    centre = Point(middle.x + rng.uniform(-25, 25), middle.y + rng.uniform(-40, 40))
    grown = rng.random() > 0.3
    size = rng.uniform(0.9, 1.08) if grown else rng.uniform(0.55, 0.8)
    anatomy = Anatomy(
        region,
        tuple(_grow(bone, size, grown, rng) for bone in bones),
        tuple(
            Flesh(
                _scaled(f.head, size),
                _scaled(f.tail, size),
                f.head_radius * size,
                f.tail_radius * size,
                f.belly * size,
                f.depth,
                f.cast,
            )
            for f in flesh
        ),
        rng.uniform(3, 7) * size if rng.random() < 0.1 else 0.0,
    )
    return anatomy, _scaled(centre, size)


def _scaled(point: Point, size: float) -> Point:
    return Point(point.x * size, point.y * size)


def _grow(bone: Bone, size: float, grown: bool, rng: np.random.Generator) -> Bone:
    """The bone at body size ``size``, a little different in each person; the young have plates."""
    width = size * rng.uniform(0.93, 1.07)

    def plate(radius: float) -> float:
        open_ = not grown and bone.length > 30 and radius > 1.15 * bone.shaft
        return size * (0.5 * radius + 2.5) if open_ else 0.0

    return replace(
        bone,
        head=_scaled(bone.head, size),
        tail=_scaled(bone.tail, size),
        shaft=bone.shaft * width,
        head_radius=bone.head_radius * width,
        tail_radius=bone.tail_radius * width,
        cortex=bone.cortex * width * rng.uniform(0.8, 1.2),
        bow=bone.bow * size + rng.normal(0, 0.008) * bone.length,
        head_notch=bone.head_notch * size,
        tail_notch=bone.tail_notch * size,
        tail_tilt=bone.tail_tilt * size,
        trabecular=bone.trabecular * rng.uniform(0.8, 1.2),
        plates=(plate(bone.head_radius), plate(bone.tail_radius)),
        phase=float(rng.uniform(0, 6.28)),
    )


def _step(start: Point, degrees: float, length: float) -> Point:
    """The point ``length`` mm from ``start``; 0° points down, 90° to the right."""
    angle = np.radians(degrees)
    return Point(float(start.x + length * np.sin(angle)), float(start.y + length * np.cos(angle)))


def _ball(name: str, centre: Point, radius: float, stretch: float, degrees: float) -> Bone:
    """A short bone: an ellipsoid of spongiosa in a thin shell."""
    half = radius * stretch
    return Bone(
        name,
        _step(centre, degrees + 180, half),
        _step(centre, degrees, half),
        radius,
        radius,
        radius,
        1.0,
        cap=10,
        depth=0.8,
        trabecular=0.17,
    )


def _arm(rng: np.random.Generator, region: str) -> _Limb:
    side = rng.random() < 0.45
    bend = rng.uniform(60, 100) if side else rng.uniform(2, 15)
    if region == "upper arm":
        bend *= 0.4
    elbow, wrist = Point(0, 0), Point(0, 240)
    shoulder = _step(elbow, 180 - bend, 300)
    apart = 0.4 if side else 1.0
    crossed = rng.uniform(0.1, 0.9)
    bones = [
        Bone(
            "humerus", shoulder, _step(elbow, 180 - bend, 2), 11, 19, 15 if side else 27, 4.5,
            bow=2, head_notch=-4, tail_notch=-4 if side else 3, cap=0.6, breakable=1.2,
        ),
        replace(_ball("humeral head", _step(shoulder, 13 - bend, 17), 22, 1.0, 0), fused=True),
        Bone(
            "radius", Point(13 * apart, 6), Point(9 * apart * crossed + 2, 237), 7, 10.5, 15, 2.8,
            bow=-5, tail_notch=1.5, tail_tilt=-3.5, head_notch=1, cap=0.6,
            breakable=2.0,
        ),
        Bone(
            "ulna", Point(-9 * apart, -17), Point(-13 * apart * crossed - 4, 232), 6.5, 13, 7.5,
            2.8, bow=3, tail_notch=-1, head_notch=2, breakable=1.2,
        ),
    ]  # fmt: skip
    flesh = [
        Flesh(elbow, shoulder, 42, 52, 6),
        Flesh(elbow, Point(0, 150), 40, 33, 5, cast=True),
        Flesh(Point(0, 140), wrist, 34, 25, cast=True),
    ]
    if region == "upper arm":
        trunk = Point(shoulder.x + 120, shoulder.y + 70)
        flesh.append(Flesh(trunk, _step(trunk, 0, 330), 112, 125, depth=0.7))
        flesh.append(Flesh(shoulder, Point(trunk.x, trunk.y - 60), 50, 60, depth=0.8))
        bones.append(_ball("glenoid", Point(shoulder.x + 34, shoulder.y + 20), 17, 1.3, 10))
        bones.append(
            Bone("clavicle", Point(shoulder.x + 160, shoulder.y - 8),
                 Point(shoulder.x + 12, shoulder.y - 22), 6, 9, 8, 2.5, bow=8)
        )  # fmt: skip
    else:
        chest = _step(shoulder, 180 - bend, 120)
        flesh.append(Flesh(_step(chest, 90 - bend, 60), _step(chest, -90 - bend, 280), 120, 130))
    hand_bones, hand_flesh = _hand(rng, wrist, rng.uniform(-14, 14), 0.35 if side else 1.0)
    middle = _step(elbow, 180 - bend if _ARM[region] < 0 else 0, abs(_ARM[region]))
    return bones + hand_bones, flesh + hand_flesh, middle


def _hand(rng: np.random.Generator, wrist: Point, turn: float, spread: float) -> _Parts:
    """Carpals, metacarpals and fingers; ``spread`` 1 seen from the front, small from the side."""

    def at(x: float, y: float) -> Point:
        middle = _step(wrist, turn, y)
        return _step(middle, turn + 90, x * spread)

    bones = [
        _ball("carpal", at(x, y), radius * rng.uniform(0.9, 1.1), stretch, turn + tilt)
        for x, y, radius, stretch, tilt in (
            (13, 15, 7, 1.8, 35), (2, 10, 7.5, 1.15, 75), (-11, 14, 7.5, 1.1, -40),
            (-15, 19, 5.5, 1.0, 0), (22, 28, 7, 1.2, 40), (12, 31, 6.5, 1.0, 0),
            (1.5, 26, 7, 1.75, -5), (-10.5, 28, 8, 1.25, -15),
        )
    ]  # fmt: skip
    palm, palm_width = (0.45, 1.0) if spread == 1 else (1.0, 0.6)
    heel = 34 * (0.4 + 0.6 * spread)
    flesh = [Flesh(at(0, -15), at(0, 45), 26, heel, depth=palm + 0.15, cast=True)]
    fan = rng.uniform(0.7, 1.5) * spread
    fingers = (
        (13, 7, (67, 41, 24, 18), 1.0), (3, 1, (64, 45, 29, 19), 1.0),
        (-6, -5, (57, 42, 28, 19), 0.95), (-15, -12, (53, 33, 20, 17), 0.9),
        (23, 38, (45, 31, 24), 1.15),
    )  # fmt: skip
    curl = rng.uniform(0.75, 1.0)
    for number, (x, angle, lengths, thick) in enumerate(fingers):
        here = at(x, 36 if number < 4 else 28)
        heading = turn + angle * fan + rng.normal(0, 2)
        for joint, length in enumerate(lengths):
            tip = joint == len(lengths) - 1
            size = thick * (1.0, 0.86, 0.74, 0.6)[joint + (number == 4 and joint > 0)]
            end = _step(here, heading, length * (curl if joint else 1))
            bones.append(
                Bone(
                    "metacarpal" if joint == 0 else "phalanx",
                    _step(here, heading, 1.3), _step(end, heading, -1.3),
                    4.2 * size, 8.0 * size, (3.6 if tip else 7.0) * size, 1.9 * size,
                    bow=rng.normal(0, 0.4), depth=0.9, head_notch=0.8,
                    tail_notch=-1.2 if not tip else -0.5,
                    breakable=0.5 if joint < 2 else 0.15,
                )
            )  # fmt: skip
            flesh.append(Flesh(here, end, (15, 10.5, 9.5, 8.5)[joint], (11, 9.5, 8.5, 6.5)[joint]))
            heading += rng.normal(0, 5) * (0.5 + (1 - spread))
            here = end
    flesh.append(Flesh(at(0, 35), at(0, 95), 30 * palm_width, 26 * palm_width, depth=palm))
    return bones, flesh


def _leg(rng: np.random.Generator, region: str) -> _Limb:
    side = rng.random() < 0.45
    bend = rng.uniform(10, 60) if side else rng.uniform(-3, 5)
    knee, ankle = Point(0, 0), Point(0, 385)
    hip = _step(knee, 180 - bend, 430)
    apart = 0.5 if side else 1.0
    bones = [
        Bone(
            "femur", hip, _step(knee, 180 - bend, 1), 14, 24, 30 if side else 37, 6,
            bow=-7 if side else 3, head_notch=-6, tail_notch=-5 if side else 3,
            cap=0.6, breakable=1.2,
        ),
        Bone(
            "femoral neck", _step(hip, -bend, 32), Point(hip.x - 42, hip.y - 2), 16, 18, 23, 3,
            tail_notch=-8, fused=True,
        ),
        Bone(
            "tibia", Point(0, 3), Point(-3, 378), 12.5, 27 if side else 36, 21, 5.5,
            bow=2, head_notch=-1.5, tail_notch=2, tail_tilt=4, cap=0.5, breakable=2.0,
        ),
        Bone(
            "fibula", Point(31 * apart, 24), Point(23 * apart, 398), 6, 10, 11, 2.4,
            bow=-3, tail_notch=-3, head_notch=-2, breakable=1.2,
        ),
    ]  # fmt: skip
    if side:
        bones.append(_ball("patella", _step(knee, -95 - bend / 2, 45), 10, 2.0, -bend / 2))
    else:
        bones.append(_ball("patella", Point(2, -32), 18, 1.15, 0))
    bones.append(
        Bone("ilium", Point(hip.x - 46, hip.y + 14), Point(hip.x - 20, hip.y - 130), 24, 30, 62, 2,
             depth=0.3)
    )  # fmt: skip
    trunk = Point(hip.x - 110, hip.y - 50)
    flesh = [
        Flesh(hip, _step(hip, 180, 220), 88, 130),
        Flesh(trunk, _step(trunk, 180, 250), 115, 150),
        Flesh(knee, hip, 56, 84, 6),
        Flesh(knee, Point(6, 220), 55, 46, 10, cast=True),
        Flesh(Point(4, 200), ankle, 48, 33, cast=True),
    ]
    turn = -rng.uniform(65, 100) if side else rng.uniform(-12, 12)
    foot_bones, foot_flesh = _foot(rng, ankle, turn, 0.3 if side else 1.0)
    middle = _step(knee, 180 - bend if _LEG[region] < 0 else 0, abs(_LEG[region]))
    return bones + foot_bones, flesh + foot_flesh, middle


def _foot(rng: np.random.Generator, ankle: Point, turn: float, spread: float) -> _Parts:
    side = spread < 1

    def at(x: float, y: float) -> Point:
        middle = _step(Point(ankle.x, ankle.y + (22 if side else 0)), turn, y)
        return _step(middle, turn + 90, x * spread)

    heel = _step(Point(ankle.x, ankle.y + 33), turn + 180, 14)
    bones = [
        _ball("talus", Point(ankle.x - 1, ankle.y + 13), 19, 1.1, 90),
        _ball("calcaneus", heel if side else at(4, 28), 17, 2.0, turn + 152 if side else turn),
        _ball("navicular", at(-9, 34), 13, 0.8, turn + 90),
        _ball("cuboid", at(13, 42), 11, 1.4, turn),
        _ball("cuneiform", at(-14, 49), 8.5, 1.2, turn),
        _ball("cuneiform", at(-3, 48), 8, 1.3, turn),
    ]  # fmt: skip
    flesh = [
        Flesh(Point(ankle.x, ankle.y - 30), at(0, 25), 34, 36, cast=True),
        Flesh(at(0, 10), at(0, 130), 36, 30 + 10 * spread, depth=0.6),
    ]
    if side:
        flesh.append(Flesh(ankle, _step(heel, turn + 152, 8), 34, 26))
    short = rng.uniform(0.7, 1.0)
    rays = ((-17, -4, (62, 32, 25), 1.6), (-6, 0, (70, 26, 12, 10), 1.0),
            (2, 3, (66, 24, 11, 9), 1.0), (10, 6, (63, 22, 10, 9), 1.0),
            (18, 9, (62, 20, 9, 8), 1.05))  # fmt: skip
    for x, angle, lengths, thick in rays:
        here = at(x, 57)
        heading = turn + angle * spread + rng.normal(0, 2)
        for joint, length in enumerate(lengths):
            size = thick * (1.0, 0.9, 0.8, 0.7)[joint]
            end = _step(here, heading, length * short)
            bones.append(
                Bone(
                    "metatarsal" if joint == 0 else "phalanx",
                    _step(here, heading, 1), _step(end, heading, -1),
                    3.8 * size, 7.2 * size, 6.4 * size, 1.6 * size,
                    bow=rng.normal(0, 0.5), depth=0.9, head_notch=0.7, tail_notch=-1.0,
                    breakable=0.5 if joint == 0 else 0.1,
                )
            )  # fmt: skip
            flesh.append(Flesh(here, end, (17, 11, 9, 8)[joint], (14, 9.5, 8, 6)[joint]))
            here = end
    return bones, flesh
