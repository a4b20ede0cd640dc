"""Simulated collectors behind one TLS port: each speaks the stream of a real one, over an engine's log call, line by line.

python -m tests.bench.simulated FOLDER HOSTS CONTAINERS INTERVAL    prints its port; hosts are told apart by container ids
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import ssl
import sys
import time
from pathlib import Path

BOOT = time.time() - 100_000  # of all machines
VERSION = "simulated-10"
HEAD = b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def collector_id(host: int) -> str:
    return hashlib.sha256(f"collector {host}".encode()).hexdigest()


def container_id(host: int, number: int) -> str:
    return hashlib.sha256(f"container {host} {number}".encode()).hexdigest()


def block(host: int, containers: int, seq: int, uptime: float, interval: float) -> list[str]:
    """One tick, with counters that grow as they do on a busy host."""
    t = uptime
    lines = [
        f"B 1 {seq} {uptime:.2f} {host:08x} 90000.00 {interval:g} {VERSION} 2 16",
        f"U {t * 640:.0f} {t * 960:.0f}",
        f"L {2 + host % 5}.15 2.10 1.95 412",
        f"M 65806420 {41_000_000 + seq % 1000} 20135000 1000212 22000100 1203040 0 0",
        "Q 1.25 0.00 0.31",
        f"D sda {t * 900:.0f} {t * 4000:.0f} {t * 12:.0f} {t * 55:.0f} {t * 130:.0f}",
        f"D nvme0n1 {t * 900:.0f} {t * 4000:.0f} {t * 12:.0f} {t * 55:.0f} {t * 130:.0f}",
        f"N br0 {t * 91000:.0f} {t * 310:.0f} 0 {t / 100:.0f} {t * 122000:.0f} {t * 280:.0f} 0 0",
        f"N eth0 {t * 92000:.0f} {t * 312:.0f} 0 {t / 100:.0f} {t * 123000:.0f} {t * 281:.0f} 0 0",
        f"T {t * 0.4:.0f} {t * 590:.0f} {800 + seq % 50} 262144",
        "F 4096 66053021 59966876 20511583 16777216 16337002 /",
        "F 4096 266053021 159966876 120511583 66777216 66337002 /data",
        f"P {t * 2_400_000:.0f} 2408448",
    ]
    for number in range(containers):
        n = t * (1 + number / 10)
        lines.append(
            f"C {container_id(host, number)} {uptime + 0.01:.2f} {880000 + number} {n * 150_000_000:.0f} {n / 20:.0f} "
            f"{n * 900_000:.0f} 400000 100000 {3_000_000_000 + seq % 7 * 4096} 1200300400 900100200 8589934592 0 0 "
            f"{60 + seq % 5} {n * 51000:.0f} {n * 190:.0f} 0 0 {n * 83000:.0f} {n * 170:.0f} 0 0 {40 + seq % 9} "
            f"{37 + seq % 9} {12 + seq % 30} 3 0 sda,{n * 800:.0f},{n * 5200:.0f},{n * 2:.0f},{n * 6:.0f}"
        )
    return [*lines, f"E {seq} {len(lines)}"]


def framed(line: str) -> bytes:
    """As the engine sends it: a chunk that holds a frame that holds a line."""
    data = line.encode() + b"\n"
    frame = b"\x01\0\0\0" + len(data).to_bytes(4, "big") + data
    return b"%x\r\n%s\r\n" % (len(frame), frame)


class Hosts:
    """`count` engines, told apart by the id of the collector whose log is asked for."""

    def __init__(self, count: int, containers: int, interval: float) -> None:
        self.containers, self.interval, self.count = containers, interval, count
        self.ids = {collector_id(host): host for host in range(count)}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            found = re.match(rb"GET (?:/v[\d.]+)?/containers/([0-9a-f]{64})/logs", head)
            host = self.ids.get(found[1].decode()) if found else None
            if host is None:
                writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
                return
            writer.write(HEAD)
            await self._tick(host, writer)
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    async def _tick(self, host: int, writer: asyncio.StreamWriter) -> None:
        phase = host / self.count * self.interval
        seq = int((time.time() - BOOT - phase) / self.interval)
        while True:
            seq += 1
            at = BOOT + phase + seq * self.interval
            await asyncio.sleep(max(0.0, at - time.time()))
            if writer.is_closing():
                return
            for line in block(host, self.containers, seq, time.time() - BOOT, self.interval):
                writer.write(framed(line))
            await writer.drain()


async def main(folder: Path, count: int, containers: int, interval: float) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server-key.pem")
    context.load_verify_locations(folder / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    hosts = Hosts(count, containers, interval)
    server = await asyncio.start_server(hosts.serve, "127.0.0.1", 0, ssl=context, backlog=2000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))
