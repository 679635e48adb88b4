"""Files with any S3: Amazon's, or a server that speaks as it does (MinIO, Ceph, Garage, rclone)."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.client import Config
from botocore.exceptions import BotoCoreError, ClientError

from taskapi.stores.files import CHUNK_BYTES, FilesAway, Missing, Stored
from taskapi.stores.places import S3Place

_GONE = {"NoSuchKey", "404", "NotFound"}
# Large files go in parts of this size, one after the other: so much memory at most.
_TRANSFER = TransferConfig(multipart_threshold=16 << 20, multipart_chunksize=16 << 20, use_threads=False)


@contextmanager
def _reaching() -> Iterator[None]:
    """What the library raises inside, in our words. Raises FilesAway."""
    try:
        yield
    except ClientError as error:
        raise FilesAway(f"S3 says {error.response['Error']['Code']}") from error
    except (BotoCoreError, Boto3Error) as error:
        raise FilesAway(type(error).__name__) from error


class S3:
    """A bucket, or what begins with a prefix there."""

    def __init__(self, place: S3Place) -> None:
        self.place = place
        self._prefix = f"{place.prefix}/" if place.prefix else ""

    @cached_property
    def client(self) -> Any:
        """The library's client; made when it is first needed, as it reads files and the environment."""
        config = Config(
            connect_timeout=5,
            read_timeout=30,
            retries={"mode": "standard", "max_attempts": 4},
            s3={"addressing_style": "path" if self.place.endpoint else "auto"},
            # Checksums that not every server knows are sent to none that does not ask for them.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        return boto3.client(
            "s3",
            endpoint_url=self.place.endpoint,
            region_name=self.place.region,
            aws_access_key_id=self.place.key,
            aws_secret_access_key=self.place.secret,
            config=config,
        )

    def put(self, name: str, path: Path) -> None:
        with _reaching():
            self.client.upload_file(str(path), self.place.bucket, self._prefix + name, Config=_TRANSFER)

    def put_bytes(self, name: str, content: bytes, kind: str, caching: str) -> None:
        """Keep what others fetch by HTTP, with what they are told of it."""
        with _reaching():
            self.client.put_object(
                Bucket=self.place.bucket,
                Key=self._prefix + name,
                Body=content,
                ContentType=kind,
                CacheControl=caching,
            )

    def read(self, name: str) -> Iterator[bytes]:
        with _reaching():
            try:
                found = self.client.get_object(Bucket=self.place.bucket, Key=self._prefix + name)
            except ClientError as error:
                if error.response["Error"]["Code"] in _GONE:
                    raise Missing(name) from None
                raise
        parts: Iterator[bytes] = found["Body"].iter_chunks(CHUNK_BYTES)
        return parts

    def remove(self, name: str) -> None:
        with _reaching():
            self.client.delete_object(Bucket=self.place.bucket, Key=self._prefix + name)

    def list(self, prefix: str) -> Iterator[Stored]:
        pages = self.client.get_paginator("list_objects_v2")
        with _reaching():
            for page in pages.paginate(Bucket=self.place.bucket, Prefix=self._prefix + prefix):
                for one in page.get("Contents", ()):
                    name = one["Key"].removeprefix(self._prefix)
                    yield Stored(name, one["Size"], int(one["LastModified"].timestamp() * 1000))
