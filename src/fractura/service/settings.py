"""What a service is told: one TOML file, checked before anything starts."""

from __future__ import annotations

import tomllib
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from fractura.errors import FracturaError

Role = Literal["read", "submit", "admin"]
"""What a token may do: see readings; also send radiographs and marks; also everything else."""
ResultKind = Literal["sr", "gsps", "sc"]
Title = Annotated[str, Field(min_length=1, max_length=16, pattern=r"^[\x21-\x7e]+$")]
"""An application entity's title (PS3.5, 6.2)."""
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
Seconds = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(gt=0)]
Port = Annotated[int, Field(ge=1, le=65535)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class SettingsError(FracturaError):
    """A settings file is missing or says something that cannot be."""


class SettingsSection(BaseModel):
    """Frozen, and a misspelt field is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Token(SettingsSection):
    """One who may come in. ``sha256`` is the digest of the secret, which is stored nowhere."""

    name: Name
    role: Role = "submit"
    sha256: Digest


class Limits(SettingsSection):
    """So that one visitor cannot starve the others.

    Attributes:
        upload_megabytes: of one request.
        files: in one request.
        queued: readings that wait; more are refused with 429 or 0xA700.
        requests: HTTP requests that are answered at once; more are refused with 429.
        deadline_seconds: how long a request waits for its reading before it gets a link to it.
        free_megabytes: of the disk; with less, nothing more is accepted.
    """

    upload_megabytes: Count = 256
    files: Count = 200
    queued: Count = 10_000
    requests: Count = 256
    deadline_seconds: Seconds = 30
    free_megabytes: Count = 256


class Keeping(SettingsSection):
    """How long images stay. Readings, marks and the audit log stay.

    Attributes:
        image_hours: after the reading is there and delivered everywhere.
    """

    image_hours: Annotated[float, Field(ge=0)] = 24


class Peer(SettingsSection):
    """A DICOM application entity that may send. ``address`` is one or a network (10.0.0.0/8)."""

    title: Title
    address: str

    @field_validator("address")
    @classmethod
    def _is_address(cls, value: str) -> str:
        ip_network(value)
        return value


class Tls(SettingsSection):
    """Certificates in PEM. With ``ca`` the other side must show one that it signed."""

    certificate: Path
    key: Path
    ca: Path | None = None


class Destination(SettingsSection):
    """Where results go: by C-STORE (``title``, ``host``, ``port``) or by STOW-RS (``url``).

    Attributes:
        kinds: what is sent there.
        token: bearer token of the DICOMweb server.
        tls: for C-STORE.
    """

    name: Name
    kinds: tuple[ResultKind, ...] = ("sr", "gsps", "sc")
    title: Title | None = None
    host: str | None = None
    port: Port | None = None
    tls: Tls | None = None
    url: Annotated[str, Field(pattern=r"^https?://[^\s@]+$")] | None = None
    token: str | None = None

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Destination:
        by_store = [item is not None for item in (self.title, self.host, self.port)]
        if all(by_store) if self.url is None else not any(by_store):
            return self
        raise ValueError("give title, host and port for C-STORE, or url for STOW-RS")


class RuleSettings(SettingsSection):
    """Which objects are read. All given fields must fit; the first rule that fits decides.

    Attributes:
        read: whether such objects are read; otherwise they are only acknowledged.
        modalities, body_parts: DICOM's Modality and Body Part Examined, upper case.
        titles: calling application entities.
        to: names of destinations; empty takes all.
    """

    read: bool = True
    modalities: tuple[str, ...] = ()
    body_parts: tuple[str, ...] = ()
    titles: tuple[Title, ...] = ()
    to: tuple[Name, ...] = ()


class Archive(SettingsSection):
    """A DICOMweb archive that is asked for new radiographs (QIDO-RS) and gives them (WADO-RS)."""

    name: Name
    url: Annotated[str, Field(pattern=r"^https?://[^\s@]+$")]
    token: str | None = None
    modalities: tuple[str, ...] = ("CR", "DX")
    every_seconds: Seconds = 60
    days: Count = 1


class Node(SettingsSection):
    """The DICOM node.

    Attributes:
        title, host, port: its own.
        peers: who may send; the C-STORE of any other is refused at association.
        rules: what is read. The default reads CR, DX, RG and RF images that are not derived.
        tries: attempts to deliver before a result becomes a dead letter.
        first_wait_seconds: before the second attempt; each further one waits twice as long, an
            hour at most.
        associations: that are open at once.
    """

    title: Title = "FRACTURA"
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 11112
    tls: Tls | None = None
    peers: tuple[Peer, ...] = ()
    rules: tuple[RuleSettings, ...] = (RuleSettings(modalities=("CR", "DX", "RG", "RF")),)
    destinations: tuple[Destination, ...] = ()
    archives: tuple[Archive, ...] = ()
    tries: Count = 12
    first_wait_seconds: Seconds = 5
    associations: Count = 32


class ServiceSettings(SettingsSection):
    """Everything.

    Attributes:
        data: folder of the database and the images.
        database: SQLAlchemy's address; ``None`` is a SQLite file in ``data``.
        images: address of the image store (``s3://bucket/prefix``); ``None`` is a folder in
            ``data``.
        model: a shipped model's name or the path of an exported one.
        readers: threads that read; ``None`` is one a processor.
        host, port: of the page and the REST service.
        tokens: who may come in; may be empty only on a loopback address.
        node: ``None`` runs no DICOM node.
    """

    data: Path = Path("fractura-data")
    database: str | None = None
    images: str | None = None
    model: str = "fractura-s"
    readers: Count | None = None
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    tokens: tuple[Token, ...] = ()
    limits: Limits = Limits()
    keeping: Keeping = Keeping()
    node: Node | None = None

    @model_validator(mode="after")
    def _is_consistent(self) -> ServiceSettings:
        if not self.tokens and not is_loopback(self.host):
            raise ValueError(
                f"without tokens the service listens on a loopback address only, not on "
                f"{self.host}; make tokens with fractura token NAME"
            )
        for what, names in (
            ("token", [token.name for token in self.tokens]),
            ("destination", [item.name for item in self.node.destinations] if self.node else []),
            ("archive", [item.name for item in self.node.archives] if self.node else []),
        ):
            if len(set(names)) < len(names):
                raise ValueError(f"two {what}s have one name")
        if self.node:
            known = {item.name for item in self.node.destinations}
            for rule in self.node.rules:
                if unknown := set(rule.to) - known:
                    raise ValueError(f"a rule names no destination: {sorted(unknown)[0]}")
        return self


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach ``host``."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def read_settings(path: Path) -> ServiceSettings:
    """Read a TOML file.

    Raises:
        SettingsError: it cannot be read or says something that cannot be.
    """
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read ({error})") from error
    return checked(data, str(path))


def checked(data: dict[str, object], name: str) -> ServiceSettings:
    """Settings of plain values; ``name`` stands in messages.

    Raises:
        SettingsError: something in them cannot be.
    """
    try:
        return ServiceSettings.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "settings"
        raise SettingsError(f"{name}: {where}: {first['msg']}") from None
