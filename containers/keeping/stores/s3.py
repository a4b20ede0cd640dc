"""Backups in an S3-compatible store, by boto3. What the surroundings say of AWS (variables, ~/.aws) does not count.

Source: https://boto3.amazonaws.com/v1/documentation/api/latest/reference/services/s3.html
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError, SSLError
from django.conf import settings
from django.utils.translation import gettext as _

from containers.keeping.stores import StoreError
from xqplatform.outgoing.gate import found_in

CONNECT_SECONDS, READ_SECONDS = 10, 120
ATTEMPTS = 5  # of a call, with growing pauses between them
AT_ONCE = 1000  # keys that one call removes
DENIED = {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "403", "Forbidden"}
# Variables of the library's session: (name in files, in the environment, what it is otherwise, conversion).
ALONE = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}
MISSING = {"NoSuchKey", "404", "NotFound"}


@dataclass(frozen=True)
class S3Place:
    """`endpoint`: «https://s3.example.com» (empty: AWS of the region); `prefix`: before each key, with «/» at its end or empty;
    `ca`: PEM of the authority that signed the endpoint's certificate, where the machine does not know it.
    """

    bucket: str
    access_key: str
    secret_key: str = field(repr=False)
    endpoint: str = ""
    region: str = ""
    prefix: str = ""
    ca: str = field(default="", repr=False)


class S3Store:
    def __init__(self, place: S3Place) -> None:
        self.place = place
        self.where = f"{place.endpoint or 'AWS S3'} {place.bucket}/{place.prefix}"
        self._client = _client(place)

    def put(self, key: str, data: bytes) -> None:
        with self._told(key):
            self._client.put_object(Bucket=self.place.bucket, Key=self.place.prefix + key, Body=data)

    def get(self, key: str) -> bytes:
        with self._told(key):
            answer = self._client.get_object(Bucket=self.place.bucket, Key=self.place.prefix + key)
            with contextlib.closing(answer["Body"]) as body:
                return bytes(body.read())

    def keys(self, prefix: str) -> Iterator[str]:
        pages = self._client.get_paginator("list_objects_v2")
        with self._told(prefix):
            for page in pages.paginate(Bucket=self.place.bucket, Prefix=self.place.prefix + prefix):
                for one in page.get("Contents") or []:
                    yield str(one["Key"]).removeprefix(self.place.prefix)

    def remove(self, keys: Iterable[str]) -> None:
        every = list(keys)
        for first in range(0, len(every), AT_ONCE):
            some = every[first : first + AT_ONCE]
            objects = [{"Key": self.place.prefix + key} for key in some]
            with self._told(some[0]):
                answer = self._client.delete_objects(
                    Bucket=self.place.bucket, Delete={"Objects": objects, "Quiet": True}
                )
            for one in answer.get("Errors") or []:
                words = _("%(where)s did not remove %(key)s: %(why)s")
                why = f"{one.get('Code')} {one.get('Message')}"
                raise StoreError(words % {"where": self.where, "key": one.get("Key"), "why": why})

    @contextlib.contextmanager
    def _told(self, key: str) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            raise self._refused(error, key) from error
        except (BotoCoreError, OSError, ValueError) as error:
            if forbidden := found_in(error):
                raise StoreError(str(forbidden)) from error
            if isinstance(error, SSLError):
                words = _("%(where)s: its certificate is not trusted: %(why)s")
            else:
                words = _("%(where)s cannot be reached: %(why)s")
            passing = isinstance(error, ConnectionError | HTTPClientError | OSError)
            raise StoreError(words % {"where": self.where, "why": error}, retry=passing) from error

    def _refused(self, error: ClientError, key: str) -> StoreError:
        said: dict[str, Any] = error.response.get("Error") or {}
        code, why = str(said.get("Code") or ""), str(said.get("Message") or error)[:500]
        status = int((error.response.get("ResponseMetadata") or {}).get("HTTPStatusCode") or 0)
        names = {"where": self.where, "key": key, "why": f"{code}: {why}"}
        if code in MISSING:
            return StoreError(_("%(where)s has no %(key)s.") % names, missing=True)
        if code == "NoSuchBucket":
            return StoreError(_("%(where)s: there is no such bucket.") % names)
        if code in DENIED:
            return StoreError(_("%(where)s refused the access key: %(why)s") % names)
        return StoreError(_("%(where)s refused: %(why)s") % names, retry=status >= 500)


def _client(place: S3Place) -> Any:
    """Raises StoreError for an endpoint that is no address."""
    bare = botocore.session.Session(session_vars=ALONE)
    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
        signature_version="s3v4",
        # The store checks what it gets against what was sent. Its own addresses may know no names of buckets.
        s3={"payload_signing_enabled": True, "addressing_style": "path" if place.endpoint else "auto"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        ignore_configured_endpoint_urls=True,
    )
    session = boto3.session.Session(
        aws_access_key_id=place.access_key,
        aws_secret_access_key=place.secret_key,
        region_name=place.region or "us-east-1",
        botocore_session=bare,
    )
    try:
        verify = _authority(place.ca) if place.ca.strip() else True
        return session.client("s3", endpoint_url=place.endpoint or None, config=config, verify=verify)
    except (BotoCoreError, ValueError, OSError) as error:
        words = _("«%(endpoint)s» cannot be used as a store: %(why)s")
        raise StoreError(words % {"endpoint": place.endpoint, "why": error}) from error


def _authority(pem: str) -> str:
    """A file of it, since the library reads it again with each connection."""
    name = hashlib.sha256(pem.encode()).hexdigest()[:32]
    path = Path(settings.DATA_DIR) / "store-ca" / f"{name}.pem"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}")
        draft.write_text(pem)
        os.replace(draft, path)
    return str(path)
