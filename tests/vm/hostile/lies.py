# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""lies - each by the number of its case."""
LIES = {}
