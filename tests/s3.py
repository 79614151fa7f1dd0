"""An S3 on loopback: moto's server, in a thread."""

import logging
from typing import Any, Self

import boto3
import httpx
from moto.server import ThreadedMotoServer
from obstore.store import S3Store

KEYS: Any = {"access_key_id": "AK", "secret_access_key": "very-secret", "region": "us-east-1"}


class S3:
    """Serves while in the `with` block. `down()` closes its port, `up()` opens the same again."""

    def __init__(self) -> None:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._port = 0

    def up(self) -> None:
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=self._port, verbose=False)
        self._server.start()
        _, self._port = self._server.get_host_and_port()
        self.url = f"http://127.0.0.1:{self._port}"

    def down(self) -> None:
        self._server.stop()

    def bucket(self, name: str) -> None:
        self._client().create_bucket(Bucket=name)

    def store(self, bucket: str, *, create: bool = True, **options: Any) -> S3Store:
        """A store of obstore's; its bucket is made."""
        if create:
            self.bucket(bucket)
        return S3Store(
            bucket,
            endpoint=self.url,
            client_options={"allow_http": True},
            retry_config={"max_retries": 1},
            virtual_hosted_style_request=False,
            **KEYS,
            **options,
        )

    def names(self, bucket: str) -> list[str]:
        found = self._client().list_objects_v2(Bucket=bucket).get("Contents", [])
        return [item["Key"] for item in found]

    def read(self, bucket: str, name: str) -> bytes:
        content: bytes = self._client().get_object(Bucket=bucket, Key=name)["Body"].read()
        return content

    def _client(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id="AK",
            aws_secret_access_key="very-secret",
            region_name="us-east-1",
        )

    def __enter__(self) -> Self:
        self.up()
        httpx.post(f"{self.url}/moto-api/reset")  # what other tests of this process left there
        return self

    def __exit__(self, *_: object) -> None:
        self.down()
