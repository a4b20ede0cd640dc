"""A real S3 server in a process of its own (moto's), which checks keys and signatures."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from containers.keeping.stores.s3 import S3Place

BUCKET = "company-backups"
POLICY = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}'
UNCHECKED = 4  # calls before it asks who is there: the four that make the user and the bucket


@dataclass
class S3Server:
    process: subprocess.Popen[bytes]
    endpoint: str
    place: S3Place

    def objects(self) -> dict[str, int]:
        client = boto3.client(
            "s3", endpoint_url=self.endpoint, region_name="us-east-1", aws_access_key_id=self.place.access_key,
            aws_secret_access_key=self.place.secret_key,
        )  # fmt: skip
        return {one["Key"]: one["Size"] for one in client.list_objects_v2(Bucket=BUCKET).get("Contents") or []}

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)


@contextmanager
def s3_server(log: Path) -> Iterator[S3Server]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    endpoint = f"http://127.0.0.1:{port}"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], stdout=out, stderr=out,
            env={**os.environ, "INITIAL_NO_AUTH_ACTION_COUNT": str(UNCHECKED)},
        )  # fmt: skip
    try:
        until = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < until, log.read_text()
                time.sleep(0.05)
        yield S3Server(process, endpoint, _user(endpoint))
    finally:
        process.kill()
        process.wait(10)


def _user(endpoint: str) -> S3Place:
    def client(service: str) -> Any:
        return boto3.client(
            service, endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="AKIA0000",
            aws_secret_access_key="nobody", config=Config(retries={"total_max_attempts": 1}),
        )  # fmt: skip

    iam = client("iam")
    iam.create_user(UserName="platform")
    key = iam.create_access_key(UserName="platform")["AccessKey"]
    iam.put_user_policy(UserName="platform", PolicyName="all", PolicyDocument=POLICY)
    client("s3").create_bucket(Bucket=BUCKET)
    return S3Place(BUCKET, key["AccessKeyId"], key["SecretAccessKey"], endpoint, prefix="xq/")
