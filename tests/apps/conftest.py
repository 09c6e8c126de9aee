# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""The programs of apps/ on Linux: the very files that go into the guest, run by the host's kernel."""
import os
import subprocess
from pathlib import Path

import pytest

APPS = Path(__file__).resolve().parents[2] / "build/apps"


@pytest.fixture
def app(tmp_path):
    """app("cat", "x", input=b"...") -> CompletedProcess of bytes; runs in the test's own empty folder."""
    def run(name, *args, input=b"", cwd=tmp_path, **more):
        return subprocess.run([APPS / name, *map(os.fsencode, args)], input=input, capture_output=True, cwd=cwd, timeout=60, **more)
    return run


@pytest.fixture
def host(tmp_path):
    """The host's own program of that name, by which ours are measured."""
    def run(name, *args, input=b"", cwd=tmp_path):
        env = dict(os.environ, LC_ALL="C")
        return subprocess.run([name, *map(os.fsencode, args)], input=input, capture_output=True, cwd=cwd, env=env, timeout=60)
    return run
