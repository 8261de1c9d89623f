"""Weights to start from: downloads, and safetensors files with what their names mean."""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from torch import Tensor, nn

from fractura.errors import FracturaError

T = TypeVar("T")
Tensors = Mapping[str, Tensor]

TIMEOUT = 10.0
"""Seconds without an answer after which a download is given up."""

OPTIONS = "set model.pretrained to none, or to the path of a safetensors file"


def read_weights(path: Path) -> dict[str, Tensor]:
    """Every tensor of a safetensors file; floating-point ones as float32.

    Raises:
        FracturaError: the file is missing, a pickle, or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        if path.is_file() and _start(path).startswith((b"PK", b"\x80")):
            raise FracturaError(
                f"{path} is a pickle, which may run code when it is read; "
                "save its tensors with safetensors.torch.save_file and give that file"
            ) from error
        raise FracturaError(f"{path} is not a readable safetensors file: {error}") from error
    return {
        name: tensor.float() if tensor.is_floating_point() else tensor
        for name, tensor in tensors.items()
    }


def fits(module: nn.Module, tensors: Tensors, new: Collection[str] = ()) -> bool:
    """Whether ``tensors`` hold all of ``module`` and nothing else.

    Left out of account: counters of batch norm, layers whose names begin with one of ``new``, and
    the number of input channels of a convolution that takes one.
    """
    state = _without(module.state_dict(), new)
    given = _without(tensors, new)
    optional = {name for name in state if name.endswith("num_batches_tracked")}
    return state.keys() - optional <= given.keys() <= state.keys() and all(
        _to_grey(tensor, state[name]).shape == state[name].shape for name, tensor in given.items()
    )


def fill(module: nn.Module, tensors: Tensors, new: Collection[str] = ()) -> None:
    """Copy ``tensors`` that :func:`fits` accepts into ``module``; ``new`` layers stay.

    A first convolution for three colours is summed over its inputs, since radiographs are grey.
    """
    state = module.state_dict()
    given = _without(tensors, new).items()
    module.load_state_dict(
        {**state, **{name: _to_grey(tensor, state[name]) for name, tensor in given}}
    )


def mobilenet_v2_in_order(tensors: Tensors, module: nn.Module) -> dict[str, Tensor]:
    """torchvision's ``mobilenet_v2`` under the names of ``module``, such as timm's.

    Both define the same layers in the same order. Empty if ``tensors`` hold anything else.
    """
    from torchvision.models import mobilenet_v2

    source = _without(mobilenet_v2().state_dict(), ["classifier."])
    target = module.state_dict()
    if not source.keys() <= tensors.keys() or len(source) != len(target):
        return {}
    return {name: tensors[theirs] for theirs, name in zip(source, target, strict=True)}


def strip(tensors: Tensors, prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with ``prefix``, without it."""
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


def unfit(path: Path, name: str, tensors: Tensors) -> FracturaError:
    """What to say of a file that holds no weights for the architecture ``name``."""
    return FracturaError(
        f"{path} does not fit {name}: it seems to hold {seems_to_hold(tensors)}; "
        "choose that architecture, another file, or model.pretrained: none"
    )


KNOWN = (
    ("a fractura detector", "model.backbone."),
    ("a fractura classifier", "backbone.layers."),
    ("torchvision's mobilenet_v2", "features.18.0.weight"),
    ("resnet50v2-c4", "bn_data.running_mean"),
    ("a torchvision detector", "backbone.fpn."),
    ("a ResNet", "layer1.0.conv1.weight"),
    ("a DenseNet", "features.denseblock1."),
    ("a VGG", "features.0.weight"),
    ("one of timm's EfficientNets or MobileNets", "conv_stem.weight"),
)
"""What a file holds in which a name begins like this; the first that is true counts."""


def seems_to_hold(tensors: Tensors) -> str:
    """The architecture that the names point to, or some of the names."""
    for holder, start in KNOWN:
        if any(name.startswith(start) for name in tensors):
            return f"{holder} ({len(tensors)} tensors)"
    examples = ", ".join(sorted(tensors)[:3])
    return f"{len(tensors)} tensors such as {examples}" if tensors else "nothing"


def no_default(name: str) -> FracturaError:
    """What to say where ``default`` is asked for and nobody publishes weights."""
    return FracturaError(f"no pretrained weights are published for {name}; {OPTIONS}")


def download(name: str, source: str, get: Callable[[], T]) -> T:
    """Call ``get``, which downloads, and turn whatever it raises into one sentence.

    Raises:
        FracturaError: the weights could not be had; says the options.
    """
    try:
        with _socket_timeout():
            return get()
    except Exception as error:
        reason = str(error).strip().splitlines()[:1] or [type(error).__name__]
        raise FracturaError(
            f"the pretrained weights of {name} could not be had from {source} "
            f"({reason[0].rstrip('.')}); {OPTIONS}"
        ) from error


def hub_file(repository: str) -> Path | None:
    """The safetensors of a Hugging Face repository if this machine has it already.

    Raises:
        OSError: it has not, and the hub does not answer. The hub's own client would try again
            for most of a minute.
    """
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    from huggingface_hub import constants, try_to_load_from_cache

    cached = try_to_load_from_cache(repository, "model.safetensors")
    if isinstance(cached, str):
        return Path(cached)
    if not constants.HF_HUB_OFFLINE:
        with suppress(HTTPError):
            urlopen(Request(constants.ENDPOINT, method="HEAD"), timeout=TIMEOUT).close()
    return None


@contextmanager
def _socket_timeout() -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(2)


def _without(tensors: Tensors, prefixes: Collection[str]) -> dict[str, Tensor]:
    return {
        name: tensor for name, tensor in tensors.items() if not name.startswith(tuple(prefixes))
    }


def _to_grey(tensor: Tensor, target: Tensor) -> Tensor:
    if tensor.ndim == 4 and tensor.shape[1] == 3 and target.shape[1:2] == (1,):
        return tensor.sum(1, keepdim=True)
    return tensor
