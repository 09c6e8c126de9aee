# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""How the names of tests become docs/conformance.md."""
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import conformance  # noqa: E402


@pytest.mark.parametrize("name,ids", [
    ("case_" + "r12_used_id", ["R12"]), ("test_case_" + "h5_h10_no_room", ["H5", "H10"]), ("c09_case_" + "h4_a_file", ["H4"]), ("dr_" + "pq_8_" + "dr_" + "sb_1_flags", ["DR-PQ-8", "DR-SB-1"]),
    ("test_case_" + "r1_" + "dr_" + "fb_6_none", ["R1", "DR-FB-6"]), ("dr_" + "9p_1_bytes", ["DR-9P-1"]), ("in_any_case_of_b1_trouble", []), ("case_by_case", []),
])
def test_ids_of_a_name(name, ids):
    assert conformance.ids_of(name) == ids


def test_what_is_found_where(tmp_path):
    (tmp_path / "tests/unit").mkdir(parents=True)
    (tmp_path / "tests/vm").mkdir()
    (tmp_path / "tests/unit/x.c").write_text("/* case_" + "r1_in_words */\nstatic void case_" + "r2_x(void **state)\n{\n    T(case_" + "r3_called);\n}\n")
    (tmp_path / "tests/vm/test_x.py").write_text("# case_" + "p1_in_words\nROWS = {'case_" + "p2_row': 1, 'case_" + "p99_row': 2}\n\ndef test_case_" + "p3_x():\n    pass\n")
    assert set(conformance.tests(tmp_path)) == {"R2", "P2", "P3", "P99"}
    complaint, = conformance.unknown(tmp_path)
    assert "P99" in complaint and "test_x.py" in complaint
    assert "P1" in conformance.still_open(tmp_path) and "P2" not in conformance.still_open(tmp_path)
    row, = [line for line in conformance.document(tmp_path).splitlines() if line.startswith("| P2 |")]
    assert "`vm/test_x.py:case_" + "p2_row`" in row


def test_lists_are_whole():
    """Each id once; 170 cases."""
    ids = [c[0] for c in conformance.clauses() + conformance.cases()]
    assert len(ids) == len(set(ids)) and len(conformance.cases()) == 170
    assert set(conformance.REASONS) <= set(ids)
