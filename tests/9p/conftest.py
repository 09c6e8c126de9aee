# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""What the tests of the 9P client over a socket stand on: folders, servers, clients."""
import shutil
import tempfile
from pathlib import Path

import pytest

from diod import Client, Server


@pytest.fixture
def place():
    """A short path, for sockets: theirs have 107 bytes."""
    folder = Path(tempfile.mkdtemp(prefix="ss-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def folder(place):
    """What is exported."""
    (place / "export").mkdir()
    return place / "export"


@pytest.fixture
def serve(place, folder):
    """serve("-n") -> a server with these options."""
    servers = []

    def start(*options, **more):
        (place / f"server{len(servers)}").mkdir()
        servers.append(Server(place / f"server{len(servers)}", folder, *options, **more))
        return servers[-1]
    yield start
    for s in servers:
        s.stop()


@pytest.fixture
def server(serve):
    return serve("-n")


@pytest.fixture
def clients():
    """clients() -> one more client, connected to nothing yet."""
    made = []

    def new():
        made.append(Client())
        return made[-1]
    yield new
    for c in made:
        c.end()


@pytest.fixture
def client(clients, server):
    """A client with the share at /s."""
    c = clients()
    server.connect(c)
    c.mount("share", "/s", 0)
    return c
