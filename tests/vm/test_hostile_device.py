# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""A virtio-9p function that lies (tests/vm/hostile), beside an honest one, on the real kernel image: each lie ends in a named error within a bounded time, and
the machine goes on. Many lies share a boot: each is a function of its own."""
import functools
import re
import subprocess
import sys
import tempfile
from collections import namedtuple
from pathlib import Path

import pytest

import machine
from hostile.lies import CONTENT, LIES
from rows import PLAIN

HOSTILE = ["/usr/bin/python3", str(Path(__file__).resolve().parent / "hostile")]
POEM = b"baa\n"
A_BOOT = 22  # functions in one machine: the kernel mounts 32 shares at most

GOOD = f"read: end after {len(CONTENT)} bytes, sum {sum(CONTENT)}"
NOTHING_READ = "read: EIO after 0 bytes, sum 0"

# verb: what the program does with the lie's file, None: its share is not even mounted. says: what it is told. log: the line, which stands there once;
# {pci}, {dev} and {tag} are the lying function's.
Row = namedtuple("Row", "lie verb says log")


def bad_reply(message, what):
    return rf'9p: "{{tag}}" sent a bad reply to message {message}: {what}'


def broken(what):
    return rf"queue 0: the device says {what}; nothing more is believed"


def reset(why):
    return rf"{{dev}}: {why}; it was reset"


def missing(*what):
    return rf"{{pci}}: a virtio device without usable capabilities \(missing: {' '.join(what)}\)"


LOOPS = "{pci}: its capability list loops; the function is not used"
NO_TAG = reset("its configuration holds no mount tag")

ROWS = [
    Row("c1_capability_list_loops", None, None, LOOPS),
    Row("c2_capability_pointer_below_0x40", None, None, "{pci}: a legacy virtio device; .*"),
    Row("c2_capability_pointers_not_aligned", "read", GOOD, None),
    Row("c3_capability_leads_to_itself", None, None, LOOPS),
    Row("c4_status_denies_capabilities", None, None, "{pci}: a legacy virtio device; .*"),
    *[Row(f"c5_cap_len_{n}", None, None, missing("common")) for n in (0, 2, 15, 255)],
    Row("c6_bar_6_first", "read", GOOD, None),
    Row("c6_bar_7_only", None, None, missing("notify")),
    Row("c7_structure_behind_its_bar", None, None, missing("common")),
    Row("c7_structure_wraps", None, None, missing("common")),
    Row("c8_common_structure_too_short", None, None, missing("common")),
    Row("c8_notify_structure_too_short", None, None, missing("notify")),
    Row("c8_device_structure_empty", None, None, NO_TAG),
    Row("c9_bar_of_no_size", None, None, missing("common", "notify", "isr")),
    Row("c10_io_bar", None, None, missing("common", "notify", "isr")),
    Row("c11_wide_bar_in_the_last_slot", None, None, missing("common", "notify", "isr")),
    Row("c13_bars_overlap", "read", GOOD, "{pci}: BAR 1 at 0xe0000000 is in the way of others and moves"),
    Row("c14_two_of_each", "read", GOOD, None),
    Row("c15_no_common_structure", None, None, missing("common")),
    Row("c15_no_notify_structure", None, None, missing("notify")),
    Row("c15_no_isr_structure", None, None, missing("isr")),
    Row("c15_no_device_structure", None, None, NO_TAG),
    Row("c16_doorbell_far_away", None, None, reset("a queue cannot be enabled")),
    Row("c16_multiplier_1_puts_the_doorbell_at_an_odd_address", None, None, reset("a queue cannot be enabled")),
    Row("c16_multiplier_0", "read", GOOD, None),
    Row("c17_device_type_63", None, None, "{dev}: device type 63, no driver"),
    Row("c17_transitional_id_with_modern_registers", "read", GOOD, None),
    Row("c19_configuration_goes_away", None, None, None),
    Row("c20_bridge_to_its_own_bus", None, None, None),
    Row("c21_header_type_0x7f", None, None, None),
    Row("c22_capabilities_change", None, None, missing("notify")),
    Row("r1_version_1_not_offered", None, None, reset("it does not offer VERSION_1, .*")),
    Row("r2_features_ok_does_not_stick", None, None, reset("it does not take the features that we took")),
    Row("r3_no_mount_tag", None, None, '{dev}: 9p, tag "{dev}"'),
    Row("r4_all_features", None, None, '{dev}: 9p, tag "{tag}"'),
    Row("r5_no_queues", None, None, reset("it lacks a queue")),
    Row("r6_queue_size_0", None, None, reset("it lacks a queue")),
    Row("r7_queue_size_3", None, None, reset("its queue is too small for a request")),
    Row("r7_queue_size_48", "read", GOOD, None),
    Row("r8_queue_size_32768", "read", GOOD, None),
    Row("r8_queue_size_65535", "read", GOOD, None),
    Row("r9_queue_is_enabled_already", None, None, reset("a queue cannot be enabled")),
    Row("r26_generation_never_settles", None, None, NO_TAG),
    Row("r27_tag_len_0", None, None, '{dev}: 9p, tag "{dev}"'),
    Row("r27_tag_len_1", None, None, '{dev}: 9p, tag "t"'),
    Row("r27_tag_len_31", None, None, f'{{dev}}: 9p, tag "{"t" * 31}"'),
    Row("r27_tag_len_65535", None, None, reset("its mount tag is longer than 63 bytes; .*")),
    Row("r27_tag_len_20_beyond_its_end", None, None, reset("its mount tag runs out of its configuration")),
    Row("r28_interrupts_never_come", "read", GOOD, "{dev}: queue 0 finishes requests without an interrupt; polling it"),
    Row("r29_vectors_refused", "read", GOOD, None),
    Row("r12_used_id_out_of_range", "read", NOTHING_READ, broken("it finished what is not in flight, id 32767")),
    Row("r12_used_id_out_of_range_once", "read", GOOD, '9p: "{tag}" was mounted again'),
    Row("r13_used_id_not_in_flight", "read", NOTHING_READ, broken(r"it finished what is not in flight, id \d+")),
    Row("r14_used_id_twice", "read", NOTHING_READ, broken(r"it finished more than is in flight, by index \d+")),
    Row("r16_used_len_beyond_the_room", "read", NOTHING_READ, broken("it wrote beyond the room given, bytes 2147483647")),
    Row("r16_used_len_one_too_many", "read", NOTHING_READ, broken(r"it wrote beyond the room given, bytes \d+")),
    Row("r17_used_len_0", "read", NOTHING_READ, bad_reply(116, "shorter than a header")),
    Row("r17_used_len_4", "read", NOTHING_READ, bad_reply(116, "shorter than a header")),
    Row("r18_used_index_jumps", "read", NOTHING_READ, broken(r"it finished more than is in flight, by index \d+")),
    Row("r19_used_index_goes_back", "read", NOTHING_READ, broken(r"it finished more than is in flight, by index \d+")),
    Row("r23_needs_reset_once", "read", GOOD, '9p: "{tag}" was mounted again'),
    Row("r23_needs_reset_each_time", "read", NOTHING_READ, reset("it needs a reset")),
    Row("r24_descriptors_and_ring_overwritten", "again", f"{GOOD}\nagain: {GOOD}", None),
    Row("r25_answer_rewritten_after_completion", "again", None, None),
    Row("p1_reply_without_a_body", "stat", "EIO", bad_reply(24, "attributes without a type, or with two")),
    Row("p1_reply_of_four_bytes", "stat", "EIO", bad_reply(24, "shorter than a header")),
    Row("p2_size_beyond_what_arrived", "stat", "EIO", bad_reply(24, "its size is not what arrived")),
    Row("p3_size_below_what_arrived", "stat", "EIO", bad_reply(24, "its size is not what arrived")),
    Row("p4_wrong_tag", "stat", "EIO", bad_reply(24, "another tag")),
    *[Row(f"{lie}", "stat", "EIO", bad_reply(24, "another type")) for lie in ("p5_wrong_type", "p6_type_24", "p6_type_0", "p6_type_255")],
    Row("p8_one_byte_short", "stat", "EIO", bad_reply(24, "attributes without a type, or with two")),
    Row("p8_one_byte_long", "stat", f"mode 100644 size {len(CONTENT)}", None),
    *[Row(lie, "read", NOTHING_READ, bad_reply(116, "no error number")) for lie in
      ("p9_error_number_0x0", "p10_error_number_0x200", "p10_error_number_0x7fffffff", "p10_error_number_0xffffffff")],
    Row("p11_enosys_for_a_read", "read", "read: ENOSYS after 0 bytes, sum 0", None),
    Row("h6_read_fails", "again", f"{NOTHING_READ}\nagain: {GOOD}", None),
    Row("h14_slow_answer", "read", GOOD, None),
    Row("p12_rerror_of_another_dialect", "read", NOTHING_READ, bad_reply(116, "another type")),
    Row("p18_walked_further_than_asked", "stat", "EIO", bad_reply(110, "walked further than asked")),
    Row("p19_walked_nothing", "stat", "ENOENT", None),
    Row("p20_walked_a_part", "stat", "ENOENT", None),
    Row("p21_directory_and_file", "stat", "EIO", bad_reply(24, "attributes without a type, or with two")),
    Row("p22_qid_changes", "again", f"{GOOD}\nagain: {GOOD}", None),
    Row("p23_iounit_0x1", "read", GOOD, None),
    Row("p23_iounit_0xffffffff", "read", GOOD, None),
    Row("p24_more_read_than_asked", "read", NOTHING_READ, bad_reply(116, "more data than asked or sent")),
    Row("p25_more_read_than_arrived", "read", NOTHING_READ, bad_reply(116, "more data than asked or sent")),
    Row("p26_nothing_to_read", "read", "read: end after 0 bytes, sum 0", None),
    Row("p27_more_written_than_sent", "write", "write: EIO", bad_reply(118, "more written than sent")),
    Row("p27_everything_written", "write", "write: EIO", bad_reply(118, "more written than sent")),
    Row("p28_nothing_written", "write", "write: EIO", bad_reply(118, "nothing written")),
    Row("p29_more_entries_than_arrived", "list", "list: EIO after 0", bad_reply(40, "more entries than asked or sent")),
    Row("p29_more_entries_than_asked", "list", "list: EIO after 0", bad_reply(40, "more entries than asked or sent")),
    *[Row(lie, "list", "list: EIO after 0", bad_reply(40, "bad directory entry")) for lie in
      ("p30_name_overruns_the_reply", "p31_entry_cut_short", "p32_name_with_slash", "p32_name_with_nul", "p33_empty_name", "p33_name_of_256",
       "p35_offset_stands_still")],
    Row("p34_dot_many_times", "list", "list: end after 4", None),
    Row("p35_offset_goes_to_and_fro", "list", "list: no end after 2000", None),  # the program's own end: the kernel's is at 16 million
    Row("p36_size_above_2_63", "read", "open: EOVERFLOW after 0 bytes, sum 0", None),
    Row("p36_size_2_63_minus_1", "read", GOOD, None),
    Row("p36_nothing_valid", "stat", "EIO", bad_reply(24, "attributes without a type, or with two")),
    Row("p37_empty_link", "link", "EIO", bad_reply(22, "no link target")),
    Row("p37_link_of_64_kib", "link", "EIO", bad_reply(22, "no link target")),
    Row("p37_link_with_nul", "link", "EIO", bad_reply(22, "link target with NUL")),
    Row("p38_link_to_itself", "stat", "ELOOP", None),
    Row("p38_link_above_the_root", "stat", "ENOENT", None),
    Row("p39_block_size_0x0", "statfs", "bsize 1", None),
    Row("p39_block_size_0xffffffff", "statfs", "bsize 4294967295", None),
]
SLOW = {"c13_bar_over_memory", "r10_reset_never_ends", "r11_gone_during_a_request", "r21_never_answers", "r22_answers_when_it_is_reset"}
SESSION = {name[5:] for name, lie in LIES.items() if lie.session}

# What a boot with some rows has shown: what was said to each row, and {pci}, {dev}, {tag} of each.
Boot = namedtuple("Boot", "result said names")


@functools.cache
def share():
    """The honest one, with the program."""
    folder = tempfile.mkdtemp(prefix="sheepskin-hostile-")
    subprocess.run(["musl-gcc", "-O1", "-w", "-static", Path(__file__).parent / "guests/hostile.c", "-o", f"{folder}/hostile"], check=True)
    Path(folder, "poem.txt").write_bytes(POEM)
    return folder


def tag_of(row):
    return row.lie[:31]


def boot(rows, *options):
    functions, mounts, argv = [], ["mount=host:/host"], ["/host/hostile"]
    for i, row in enumerate(rows):
        functions += ["--device", f"case_{row.lie},tag={tag_of(row)},addr={i + 5:x}"]
        if row.verb:
            mounts.append(f"mount={tag_of(row)}:/{tag_of(row)}")
            argv += [row.verb, f"/{tag_of(row)}/lie/case_{row.lie}"]
    for i in range(len(rows) + 1):
        argv += ["link", f"/sys/bus/virtio/devices/virtio{i}", "show", f"/sys/bus/virtio/devices/virtio{i}/status"]
    argv += ["read", "/host/poem.txt"]
    got = machine.boot(PLAIN, argv, share=share(), options=["loglevel=info", *mounts, *options], before=[*HOSTILE, *functions, "--"])
    said = dict(re.findall(r"^(\w+ \S+) = (.*(?:\nagain: .*)?)$", got.out.decode(errors="replace"), re.M))
    functions = {re.search(r"0000:\S+/", where).group(): path.split("/")[-1] for path, where in said.items() if path.startswith("link /sys") and "->" in where}
    names = {}
    for i, row in enumerate(rows):
        pci = f"0000:00:{i + 5:02x}.0"
        names[row.lie] = {"pci": re.escape(pci), "dev": functions.get(pci + "/", "none"), "tag": re.escape(tag_of(row))}
    return Boot(got, said, names)


CHUNKS = [ROWS[i:i + A_BOOT] for i in range(0, len(ROWS), A_BOOT)]


@functools.cache
def boot_of(number):
    return boot(CHUNKS[number])


def lines_of(found, row):
    """The log's lines about a row's function."""
    names = found.names[row.lie]
    about = re.compile(rf"(sheepskin: )?({names['pci']}: |{names['dev']}: |9p: \"{names['tag']}\" )")
    return [line for line in found.result.err.splitlines() if about.match(line)]


def check_up(found):
    """The honest share gives its file at the end, the program's status arrives, and nobody broke down."""
    assert found.result.status == ("exit", 42), found.result.err
    assert found.said["read /host/poem.txt"] == f"read: end after {len(POEM)} bytes, sum {sum(POEM)}"
    assert "Traceback" not in found.result.host


def check_row(found, row):
    names = found.names[row.lie]
    if row.says:
        assert found.said[f"{row.verb} /{tag_of(row)}/lie/case_{row.lie}"] == row.says
    if row.log:
        lines = [line for line in found.result.err.splitlines() if re.fullmatch("(sheepskin: )?" + row.log.format(**names), line)]
        assert len(lines) == 1, lines_of(found, row)
    if row.log and row.log.startswith("{dev}") and row.log.endswith("it was reset") and not row.verb:
        assert found.said[f"show /sys/bus/virtio/devices/{names['dev']}/status"] == "0x00000080"


@pytest.mark.parametrize("number", range(len(CHUNKS)))
def test_machine_is_up_beside_liars(number):
    check_up(boot_of(number))


@pytest.mark.parametrize("row", ROWS, ids=["case_" + row.lie for row in ROWS])
def test_lie(row):
    check_row(boot_of(next(i for i, rows in enumerate(CHUNKS) if row in rows)), row)
