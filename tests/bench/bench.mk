# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
# bench.mk - what is measured and counted: one program for every guest and the host, Linux's init, a plugin for QEMU, a guest that does nothing.
# Included by the Makefile.

BENCH := $(addprefix $(B)/bench/,work work800 init cost.so null.elf null.efi lib/kernel.elf lib/initfs.cpio)
W     := -Wall -Wextra -Werror -O2 -static -no-pie

$(B)/bench/%: tests/bench/%.c tests/bench/bench.mk
	$(call say,CC/bench,$<)
	@mkdir -p $(@D)
	$(quiet)musl-gcc $(W) $< -o $@

# The kernel, and files that have the program among them.
$(B)/bench/lib/kernel.elf: $(B)/kernel.elf
	@mkdir -p $(@D)
	$(quiet)cp $< $@

$(B)/bench/lib/initfs.cpio: $(B)/obj/kernel.names $(APPS) $(B)/bench/work tools/cpio
	@mkdir -p $(@D)
	$(quiet)tools/cpio $@ $(filter-out tools/%,$^)

# The same with a size.
$(B)/bench/work800: tests/bench/work.c tests/bench/bench.mk
	@mkdir -p $(@D)
	$(quiet)musl-gcc $(W) -DPAD=750000 $< -o $@

# The plugin says for which version of the interface it is made: QEMU 9 takes none below 2, those before it none above 1.
$(B)/bench/cost.so: tests/bench/cost.c tests/bench/bench.mk
	@mkdir -p $(@D)
	$(quiet)v=$$(qemu-system-x86_64 --version | sed -n 's/.*version \([0-9]*\).*/\1/p'); \
	    $(CC) -Wall -Wextra -Werror -O2 -shared -fPIC -fvisibility=hidden -DVERSION=$$((v < 9 ? 1 : 2)) $< -o $@

$(B)/bench/null.elf: tests/bench/null.S
	@mkdir -p $(@D)
	$(quiet)$(CC) -c $< -o $@.o && $(LD) -nostdlib -static -Ttext=0x100000 -e null -z noexecstack $@.o -o $@

$(B)/bench/null.efi: tests/bench/null.S
	@mkdir -p $(@D)
	$(quiet)$(CC) -DEFI -c $< -o $@.o && $(LD) -nostdlib -shared -Bsymbolic -znocombreloc -T $(EFI_LIB)/elf_x86_64_efi.lds -L $(EFI_LIB) \
	    $(EFI_LIB)/crt0-efi-x86_64.o $@.o -lefi -lgnuefi -o $@.so
	$(quiet)objcopy $(addprefix -j ,$(E_KEEP)) --target efi-app-x86_64 --subsystem=10 $@.so $@
