"""The words that data sets use for our labels and splits."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

from fractura.datasets.record import Label, Laterality, Sex, Split
from fractura.datasets.sources.source import SourceError

_LABELS: dict[Label, set[str]] = {
    "fracture": {"fracture", "fractures", "fractured", "broken", "withfracture", "bonefracture"},
    "no fracture": {
        *("nofracture", "nofractures", "nonfracture", "nonfractures", "notfracture"),
        *("nonfractured", "notfractured", "unfractured", "withoutfracture", "notbroken"),
        *("nonbroken", "unbroken", "fracturefree"),
    },
    "abnormal": {"abnormal"},
    "normal": {"normal", "healthy"},
    "unknown": {"unknown", "unlabelled", "unlabeled"},
}
_LABEL_OF = {word: label for label, words in _LABELS.items() for word in words}
_AMBIGUOUS = {"positive", "negative"}
_FRACTURE_COLUMNS = {
    *("fracture", "fractures", "fractured", "isfractured", "isfracture", "hasfracture"),
    *("fracturevisible", "fracturepresent", "bonefracture"),
}
_YES, _NO = {"1", "1.0", "true", "yes", "y"}, {"0", "0.0", "false", "no", "n"}
_SPLITS: dict[Split, str] = {
    "train": r"(train|training)(set|images|data)?",
    "valid": r"(val|valid|validation|dev)(set|images|data)?",
    "test": r"(test|testing)(set|images|data)?",
}
_UNDISPLACED = re.compile(r"(non|un|not)[\W_]*displaced")
_FRACTURES = _LABELS["fracture"]
_TYPES = {
    *("avulsion", "buckle", "burst", "butterfly", "comminuted", "compound", "compression"),
    *("depressed", "dislocation", "displaced", "greenstick", "hairline", "impacted", "incomplete"),
    *("intraarticular", "linear", "longitudinal", "nondisplaced", "oblique", "pathologic"),
    *("pathological", "plastic", "segmental", "spiral", "stress", "torus", "transverse"),
    *("undisplaced", "wedge"),
}
_DOUBTFUL = {"oblique", "linear", "transverse", "compression", "stress", "wedge", "displaced"}
"""Types that mean something else when they stand alone."""
_REGIONS = {
    *("ankle", "arm", "calcaneus", "chest", "clavicle", "elbow", "femur", "fibula"),
    *("finger", "fingers", "foot", "forearm", "hand", "hip", "humerus", "knee", "leg"),
    *("pelvis", "radius", "rib", "ribs", "scaphoid", "shoulder", "skull", "spine"),
    *("thumb", "tibia", "toe", "toes", "ulna", "wrist"),
}
_BESIDE = {*_REGIONS, "xr", "xray", "x", "ray", "bone", "cervical", "thoracic", "lumbar"}
"""Words beside which a class is what its other words say."""
_DENIES = re.compile(
    r"(?<![^\W_])(?:(?:no|not|without|free|negative|absent|normal|healthy)(?![^\W_])|non|un"
    r"|(?:no|not)fractur)"
)


_VIEWS = {
    **dict.fromkeys(("frontal", "ap", "pa", "anteroposterior", "posteroanterior"), "frontal"),
    **dict.fromkeys(("lateral", "lat", "ll", "rl"), "lateral"),
    **dict.fromkeys(("oblique", "obl", "llo", "rlo", "lao", "rao", "lpo", "rpo"), "oblique"),
}
_SIDES: dict[str, Laterality] = {"l": "left", "left": "left", "r": "right", "right": "right"}
_SEXES: dict[str, Sex] = {
    **dict.fromkeys(("f", "female"), "female"),
    **dict.fromkeys(("m", "male"), "male"),
    **dict.fromkeys(("o", "other"), "other"),
}


def squeeze(word: str) -> str:
    """A word without case, blanks, hyphens and other marks: ``Not_Fractured`` → ``notfractured``.

    Letters of any language count; composed and decomposed accents are one.
    """
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFC", word).casefold())


def find_label(word: str, labels: Mapping[str, Label]) -> Label | None:
    """What a folder's, class's or value's name means, or ``None``.

    What a person said (``labels``) goes before our synonyms. *Positive* and *negative* mean
    nothing alone: of what, the data set's paper has to say (in MURA, of anything abnormal).
    """
    key = squeeze(word)
    told = {squeeze(name): label for name, label in labels.items()}
    return told.get(key) or _LABEL_OF.get(key)


def find_value(column: str, value: str, labels: Mapping[str, Label]) -> Label | None:
    """As :func:`find_label`, with yes and no (1, 0, true, …) in a column named for fractures."""
    label = find_label(value, labels)
    if label is None and squeeze(column) in _FRACTURE_COLUMNS:
        answer = find_answer(value)
        return None if answer is None else "fracture" if answer else "no fracture"
    return label


def find_class(name: str, labels: Mapping[str, Label]) -> Label | None:
    """What a class of boxes means, or ``None``.

    A name with *fracture* in it is a fracture's unless something in it denies one (*nondisplaced*
    does not).
    """
    label, key, folded = find_label(name, labels), squeeze(name), name.casefold()
    if label is None and "fractur" in key and not _DENIES.search(_UNDISPLACED.sub("", folded)):
        label = "fracture"
    return label


def find_folder(name: str, labels: Mapping[str, Label]) -> Label | None:
    """What a folder of a class means, or ``None``.

    Beside a word for a label there may be a body region and a side (``elbow normal``). A type is
    a fracture's (``hairline``), but not *oblique* and *linear* alone, which may be views.
    """
    label = find_label(name, labels)
    rest = [part for part in _parts(name) if part not in _BESIDE and part not in _SIDES]
    if label is not None or not rest:
        return label
    if all(part in _TYPES or part in _FRACTURES for part in rest):
        return "fracture" if set(rest) & (_FRACTURES | _TYPES) - _DOUBTFUL else None
    return find_label(" ".join(rest), labels)


def find_region(name: str) -> str | None:
    """The body region that a name tells, in lower case, or ``None``: ``XR_ELBOW`` → ``elbow``."""
    found = [part for part in _parts(name) if part in _REGIONS]
    return found[0] if len(found) == 1 else None


def is_region(name: str) -> bool:
    """Whether a name tells a body region and nothing else but a side."""
    parts = [part for part in _parts(name) if part not in _SIDES]
    return find_region(name) is not None and all(part in _BESIDE for part in parts)


def fracture_type(word: str) -> str | None:
    """A type of fracture in lower case, ``None`` where a name tells none.

    It tells one where it has a known type's name in it, or another word beside *fracture* that
    is neither a region's nor a side's. A word that merely means a fracture is no type.
    """
    if squeeze(word) in _LABEL_OF:
        return None
    parts = [part for part in _parts(word) if part not in _BESIDE and part not in _SIDES]
    others = set(parts) - _FRACTURES - _AMBIGUOUS
    is_type = bool(others & _TYPES) or (others and "fractur" in squeeze(word))
    return tidy(word) if is_type else None


def _parts(name: str) -> list[str]:
    return [part for part in re.split(r"[\W_\d]+", name.casefold()) if part]


def tidy(word: str) -> str:
    """Lower case, with single blanks: ``"Greenstick_Fracture"`` → ``"greenstick fracture"``."""
    return " ".join(re.sub(r"[_\s]+", " ", word).split()).lower()


def find_answer(word: str) -> bool | None:
    """Yes or no (1, 0, true, …), or ``None``."""
    answer = word.strip().casefold()
    return True if answer in _YES else False if answer in _NO else None


def find_view(word: str) -> str:
    """``frontal``, ``lateral`` or ``oblique`` for the usual abbreviations; else the word itself."""
    return _VIEWS.get(squeeze(word)) or tidy(word)


def find_side(word: str) -> Laterality | None:
    """Left or right, or ``None``."""
    return _SIDES.get(squeeze(word))


def find_sex(word: str) -> Sex | None:
    """Female, male or other (DICOM's F, M, O), or ``None``."""
    return _SEXES.get(squeeze(word))


def find_age(word: str) -> float | None:
    """Years of a number or of DICOM's age string (PS3.5, 6.2: ``"018M"``), or ``None``."""
    age = re.fullmatch(r"(\d+(?:\.\d*)?)\s*([YMWDymwd]?)", word.strip())
    if age is None:
        return None
    years = float(age[1]) / {"m": 12, "w": 52.1775, "d": 365.2425}.get(age[2].lower(), 1)
    return years if years <= 130 else None


def find_split(word: str) -> Split | None:
    """The split that a folder or file is named for, or ``None``; ``train2017`` is ``train``."""
    key = squeeze(word)
    for split, pattern in _SPLITS.items():
        if re.fullmatch(pattern + r"((19|20)\d\d)?", key):
            return split
    return None


def splits_named(path: str) -> set[Split]:
    """The splits that the words of a path name: ``annotations/instances_train2017.json``."""
    found = (find_split(word) for word in re.split(r"[\W_]+", path))
    return {split for split in found if split is not None}


def is_ambiguous(word: str) -> bool:
    """Whether a word's meaning must be told: *positive* and *negative* of what?"""
    return any(part in _AMBIGUOUS for part in re.split(r"[\W_]+", word.casefold()))


def unknown_words(what: str, words: Iterable[str]) -> SourceError:
    """The error that lists words without a meaning and the options that give them one.

    Args:
        what: what they are and where: ``"dir: these class folders"``.
        words: not empty.
    """
    found = sorted(set(words))
    ambiguous = [word for word in found if is_ambiguous(word)]
    found = ambiguous or found
    several = ", ".join(map(repr, found[:20])) + (", …" if len(found) > 20 else "")
    if ambiguous:
        word = found[0]
        choices = (
            ("fracture", "abnormal") if "positive" in squeeze(word) else ("no fracture", "normal")
        )
        return SourceError(
            f"{what} could mean several things: {several}; say --labels '{word}={choices[0]}' if "
            f"it speaks of fractures alone, or --labels '{word}={choices[1]}' if of anything"
        )
    return SourceError(
        f"{what} are not known: {several}; say what they mean, for example "
        f"--labels '{found[0]}=fracture' (or no fracture, abnormal, normal, unknown)"
    )
