"""The policy for archives: when they go to colder storage, and when they are deleted.

It is a file in the form of Amazon S3's lifecycle configuration, checked here, as not every server checks it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, Self

from botocore.exceptions import ClientError
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from taskapi.archives.shelf import FOLDER, Shelf
from taskapi.clock import DAY, now
from taskapi.errors import BadStart
from taskapi.parsing import told
from taskapi.stores import FileStore
from taskapi.stores.s3 import S3

_OURS = "taskapi-"
# What servers say that know no lifecycles; some take the question for another one.
_UNKNOWN = {
    *("NotImplemented", "MethodNotAllowed", "501", "405", "InvalidRequest", "NoSuchKey", "404"),
    *("BucketAlreadyExists", "BucketAlreadyOwnedByYou"),
}
# From warm to cold; no archive goes back, and Amazon keeps nothing shorter than so in the first two.
_CLASSES = ("STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE")
_LEAST_DAYS = {"STANDARD_IA": 30, "ONEZONE_IA": 30}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Filter(_Strict):
    prefix: str = Field(alias="Prefix", pattern=r"^(audit|logs)/[A-Za-z0-9._/-]*$")


class Transition(_Strict):
    days: int = Field(alias="Days", ge=0)
    storage_class: Literal[
        "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"
    ] = Field(alias="StorageClass")


class Expiration(_Strict):
    days: int = Field(alias="Days", ge=1)


class Rule(_Strict):
    """What becomes of the archives whose names begin so."""

    id: str = Field(alias="ID", min_length=1, max_length=200)
    status: Literal["Enabled", "Disabled"] = Field(alias="Status")
    filter: Filter = Field(alias="Filter")
    transitions: list[Transition] = Field(default_factory=list, alias="Transitions")
    expiration: Expiration | None = Field(None, alias="Expiration")

    @model_validator(mode="after")
    def _gets_older_and_colder(self) -> Self:
        steps = self.transitions
        for step in steps:
            if step.days < _LEAST_DAYS.get(step.storage_class, 0):
                raise ValueError(f"{self.id}: {step.storage_class} takes nothing younger than 30 days")
        for earlier, later in pairwise(steps):
            if later.days <= earlier.days:
                raise ValueError(f"{self.id}: each transition has to be on a later day than the one before")
            if _CLASSES.index(later.storage_class) <= _CLASSES.index(earlier.storage_class):
                raise ValueError(
                    f"{self.id}: {later.storage_class} is not colder than {earlier.storage_class}"
                )
        if self.expiration and steps and self.expiration.days <= steps[-1].days:
            raise ValueError(f"{self.id}: it would be deleted before its last transition")
        return self


class Policy(_Strict):
    rules: list[Rule] = Field(alias="Rules")

    @model_validator(mode="after")
    def _tells_rules_apart(self) -> Self:
        if len({rule.id for rule in self.rules}) < len(self.rules):
            raise ValueError("two rules have one ID")
        return self

    @classmethod
    def read(cls, path: Path | None) -> Self:
        """The policy of a file, or the one that comes along. Raises BadStart."""
        source = files("taskapi") / "data" / "lifecycle.json" if path is None else path
        try:
            return cls.model_validate_json(source.read_bytes())
        except OSError as error:
            raise BadStart(f"--policy: {path} cannot be read ({error.strerror})") from None
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"]))
            said = f"{where}: {told(first)}" if where else told(first)
            raise BadStart(f"--policy: {said}") from None


@dataclass(frozen=True)
class Applied:
    """Whether the server carries the policy out from now on; where it does not, what was deleted here."""

    by_server: bool
    removed: list[str]
    # Rules whose transitions nobody carries out.
    kept_warm: list[str]


def apply(policy: Policy, store: FileStore, shelf: Shelf) -> Applied:
    """Have the server carry out the policy; where none does, what is over is deleted here and now.

    Raises BadStart where the server refuses it.
    """
    if isinstance(store, S3) and _is_taken(policy, store):
        return Applied(by_server=True, removed=[], kept_warm=[])
    enabled = [rule for rule in policy.rules if rule.status == "Enabled"]
    removed = [name for rule in enabled for name in _expired(rule, shelf)]
    for name in removed:
        shelf.remove(name)
    return Applied(False, removed, [rule.id for rule in enabled if rule.transitions])


def _is_taken(policy: Policy, store: S3) -> bool:
    """Put our rules beside those of others into the bucket's configuration."""
    bucket, prefix = store.place.bucket, store.place.prefix
    ours = [_for_bucket(rule, f"{prefix}/{FOLDER}" if prefix else FOLDER) for rule in policy.rules]
    try:
        others = [rule for rule in _there(store) if not rule.get("ID", "").startswith(_OURS)]
        store.client.put_bucket_lifecycle_configuration(
            Bucket=bucket, LifecycleConfiguration={"Rules": [*others, *ours]}
        )
    except ClientError as error:
        status = str(error.response["ResponseMetadata"].get("HTTPStatusCode"))
        if {error.response["Error"]["Code"], status} & _UNKNOWN:
            return False
        raise BadStart(f"S3_URL: the server refuses the policy ({error.response['Error']['Code']})") from None
    return {rule["ID"] for rule in _there(store)} >= {rule["ID"] for rule in ours}


def _there(store: S3) -> list[dict[str, Any]]:
    try:
        found = store.client.get_bucket_lifecycle_configuration(Bucket=store.place.bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchLifecycleConfiguration":
            return []
        raise
    # One that knows no lifecycles may answer with something else, and with 200.
    rules: list[dict[str, Any]] = found.get("Rules", [])
    return rules


def _for_bucket(rule: Rule, prefix: str) -> dict[str, Any]:
    said = rule.model_dump(by_alias=True, exclude_none=True, exclude_defaults=True)
    return said | {"ID": _OURS + rule.id, "Filter": {"Prefix": prefix + rule.filter.prefix}}


def _expired(rule: Rule, shelf: Shelf) -> Iterator[str]:
    if rule.expiration is not None:
        before = now() - rule.expiration.days * DAY
        yield from (one.name for one in shelf.list(rule.filter.prefix) if one.modified < before)
