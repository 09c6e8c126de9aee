# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""hostile - a process that is a virtio-9p PCI function of a stock QEMU (x-pci-proxy-dev): honest by default, and it lies on demand. docs/hostile.md."""
