# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Every command that the documents show, run as a reader would: copied from the text, in the folder of the checkout."""
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STARTS = ("build/sheepskin", "echo ", "gcc ", "qemu-system", "make run APP")


ON_THE_HOST = ("build/sheepskin run ", "make build/unit/", "/usr/bin/python3 -m pytest ")  # the others in documents about devices are a guest's
SYSTEM = re.compile(r">\s*/(sys|proc|etc|boot|dev)/(?!null\b)")


def commands(path, starts=STARTS):
    """Indented lines that start like a command, with the lines that a backslash adds."""
    text = re.sub(r"\\\n\s*", "", (ROOT / path).read_text())
    return [line.strip().removeprefix("$ ") for line in text.splitlines() if line.startswith("    ") and line.strip().startswith(starts)]


def shell(command, **more):
    """What writes into the system is meant for a guest, and would meet the machine that the tests run on."""
    assert not SYSTEM.search(command), command
    return subprocess.run(["bash", "-c", command], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300, **more)


def test_readme_commands_in_their_order():
    lines = commands("README.md")
    assert len(lines) >= 8
    outputs = []
    for line in lines:
        done = shell(line)
        assert done.returncode == 0 and (done.stdout or "-o /tmp" in line or ">" in line), (line, done)
        outputs.append(done.stdout.decode())
    assert outputs[0] == (ROOT / "demo/poem.txt").read_text()
    assert any("hello from the guest\n3\n" in text for text in outputs)


@pytest.mark.parametrize("line", commands("docs/devices.md", ON_THE_HOST) + commands("docs/new-driver.md", ON_THE_HOST))
def test_commands_about_devices(line):
    done = shell(line, env={k: v for k, v in os.environ.items() if not k.startswith("MAKE") and k != "MFLAGS"})
    assert done.returncode == 0 and done.stdout, (line, done)


@pytest.mark.parametrize("line", ["echo 1 > /sys/bus/pci/rescan", "echo x >>/proc/sys/kernel/x", "cat y >/dev/vda"])
def test_no_command_of_a_document_touches_the_machine(line):
    with pytest.raises(AssertionError):
        shell(f"false && {line}")


def test_the_driver_in_the_document_is_the_real_one():
    """What docs/new-driver.md shows as C is the whole source, piece by piece."""
    blocks = re.findall(r"^```c\n(.*?)^```$", (ROOT / "docs/new-driver.md").read_text(), re.M | re.S)
    assert "\n".join(blocks) == (ROOT / "kernel/drivers/virtio_rng.c").read_text()


def test_readme_inline_make_run():
    text = re.sub(r"\s+", " ", (ROOT / "README.md").read_text())
    line = re.search(r"`(make run APP=[^`]*)`", text).group(1)
    done = shell(f"{line} 2>/dev/null", env={k: v for k, v in os.environ.items() if not k.startswith("MAKE") and k != "MFLAGS"})
    assert done.returncode == 0 and done.stdout.endswith((ROOT / "demo/poem.txt").read_bytes())


def examples():
    text = (ROOT / "docs/sheepskin.1").read_text()
    return re.findall(r"^\.Dl (sheepskin run .*)$", text, re.M)


@pytest.mark.parametrize("line", examples())
def test_manual_examples(line, guests, tmp_path):
    """In a folder that has what the example speaks of."""
    (tmp_path / "README.md").write_text("baa\n")
    for name in ("data", "out"):
        (tmp_path / name).mkdir()
    (tmp_path / "my-static-program").symlink_to(guests("args"))
    words = [str(ROOT / "build/sheepskin"), *shlex.split(line)[1:]]
    done = subprocess.run(words, cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
    assert done.returncode == 0 and done.stdout, done


def test_help_manual_and_readme_agree():
    """Each option that --help names is in the manual, and the other way round."""
    text = subprocess.run([ROOT / "build/sheepskin", "--help"], capture_output=True, text=True, check=True).stdout
    manual = (ROOT / "docs/sheepskin.1").read_text()
    in_help = set(re.findall(r"--([a-z-]+)", text))
    in_manual = set(re.findall(r"Fl -([a-z-]+)", manual))
    assert in_help == in_manual


def test_every_kernel_option_is_in_the_tour():
    """What main.c and the console ask the command line for stands in docs/tour.md."""
    source = "".join((ROOT / "kernel" / f).read_text() for f in ("main.c", "drivers/console.c"))
    asked = set(re.findall(r'option(?:_is)?\("([a-z]+)"', source)) | set(re.findall(r'cmdline_option\([^,]*, "([a-z]+)"', source)) | set(re.findall(r'\{"([a-z]+)", CONSOLE', source))
    table = re.search(r"## Options of the kernel(.*)", (ROOT / "docs/tour.md").read_text(), re.S).group(1)
    assert asked and all(re.search(rf"`[^`]*\b{key}\b", table) for key in asked), asked


def test_files_for_devices_authors(small):
    """What the tour tells them to read is there, with the fields that it names."""
    text = (ROOT / "docs/tour.md").read_text().partition("read from within")[2]
    paths = [path.replace("TAG", "host") for path in re.findall(r"^\| `([^`*]*)` \|", text, re.M)]
    names = {"/sys/fs/9p/host/messages", "/sys/fs/9p/host/kicks", "/sys/bus/virtio/devices/virtio0/features_offered", "/sys/bus/pci/devices/0000:00:00.0/vendor"}
    assert len(paths) == 6
    for path in sorted(names | set(paths)):
        done = subprocess.run([ROOT / "build/sheepskin", "run", "-v", f"{small}:/host", "cat", path], stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        assert done.returncode == 0 and done.stdout, path
        assert not path.endswith("queues") or len(done.stdout.split()) == 6


def test_one_version():
    """The newest of the change log is what the launcher and the kernel say."""
    version = re.search(r"^## (\d\S*)", (ROOT / "CHANGELOG.md").read_text(), re.M).group(1)
    assert subprocess.run([ROOT / "build/sheepskin", "--version"], capture_output=True, text=True).stdout == f"sheepskin {version}\n"
    done = subprocess.run([ROOT / "build/sheepskin", "run", "cat", "/proc/version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert f"Sheepskin {version}" in done.stdout


def test_the_kernel_is_as_small_as_the_readme_says():
    limit = int(re.search(r"the whole kernel is under (\d+) KiB", re.sub(r"\s+", " ", (ROOT / "README.md").read_text())).group(1))
    assert (ROOT / "build/kernel.elf").stat().st_size < limit * 1024
