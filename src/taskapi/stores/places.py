"""Where an S3 is, as the setting says it."""

from dataclasses import dataclass, field
from typing import Self
from urllib.parse import parse_qsl, unquote, urlsplit

_FORM = (
    "use s3://BUCKET/PREFIX for Amazon's, with the credentials that its tools find, or "
    "s3+https://KEY:SECRET@HOST:PORT/BUCKET/PREFIX for another server; ?region=REGION may stand at its end"
)
_ENDPOINTS = {"s3+https": "https", "s3+http": "http"}


@dataclass(frozen=True)
class S3Place:
    """A bucket and a prefix; `endpoint` is None for Amazon's own."""

    bucket: str
    prefix: str
    region: str
    endpoint: str | None = None
    key: str | None = None
    secret: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, url: str) -> Self:
        """Raises ValueError, without any part of the address, for one that cannot be read."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
            options = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
        except ValueError:
            raise ValueError(_FORM) from None
        region = options.pop("region", "us-east-1")
        if options or not host:
            raise ValueError(_FORM)
        path = parts.path.strip("/")
        if parts.scheme == "s3" and port is None and parts.username is None:
            return cls(parts.netloc, path, region)
        bucket, _, prefix = path.partition("/")
        if parts.scheme not in _ENDPOINTS or not bucket or not parts.username or not parts.password:
            raise ValueError(_FORM)
        where = f"[{host}]" if ":" in host else host
        endpoint = f"{_ENDPOINTS[parts.scheme]}://{where}" + (f":{port}" if port else "")
        return cls(bucket, prefix, region, endpoint, unquote(parts.username), unquote(parts.password))
