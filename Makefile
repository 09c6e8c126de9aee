# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
# Makefile - builds everything into build/. Files are found by wildcard, never listed. `make help` tells the targets.

dry_run := $(findstring n,$(firstword -$(MAKEFLAGS))) # not empty: make -n
MAKEFLAGS += --no-builtin-rules --no-builtin-variables
.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:
.DEFAULT_GOAL := all
ifeq ($(filter -j%,$(MAKEFLAGS)),)
MAKEFLAGS += -j$(shell nproc)
endif

ifneq ($(words $(CURDIR)),1)
$(error $(CURDIR): make cannot build in a folder with a space in its name; move it to another)
endif

B      := build
CC     := gcc
LD     := ld
PREFIX := /usr/local
PYTHON := /usr/bin/python3
V      := 0
quiet  := $(if $(filter 1,$(V)),,@)
# What the user sees of a step: its kind and what it works on.
say     = $(if $(filter 1,$(V)),,@printf '  %-8s %s\n' $(1) $(2))

# What to run: make run APP=cat ARGS="/host/poem.txt" SHARE=some/dir
APP   := hello
ARGS  := /host
SHARE := demo

# ---- what must be installed: packages are probed before anything is built, and what they settled stands in config.mk ----

goals     := $(or $(MAKECMDGOALS),all)
need_run  := $(filter run vm bench,$(goals))
need_test := $(filter test unit vm coverage coverage-run,$(goals))
need_lint := $(filter test lint format,$(goals))
sets      := build $(if $(need_run)$(need_test),run) $(if $(need_test),test) $(if $(need_lint),lint) $(if $(filter fuzz corpus,$(goals)),fuzz test) $(if $(filter prove,$(goals)),prove) $(if $(filter bench,$(goals)),bench)

ifneq ($(filter-out clean help,$(goals)),)
include $(B)/config.mk
endif

$(B)/config.mk: FORCE
	@tools/deps.sh $(sets) && mkdir -p $(@D) && tools/config.sh > $@.new && \
	    if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

# ---- the kernel ----

# A word before each return address; undefined behaviour traps where that is cheap (docs/trust.md has the figures).
K_GUARD := -fstack-protector-strong -mstack-protector-guard=global -fsanitize=undefined -fno-sanitize=null,bool,alignment,object-size \
    -fno-sanitize=pointer-overflow,nonnull-attribute,returns-nonnull-attribute -fsanitize-undefined-trap-on-error
K_FLAGS := -std=c11 -Wall -Wextra -Werror -Wmissing-prototypes -Wstrict-prototypes -Os -g -ffreestanding -fno-pic \
    -fno-pie -mcmodel=kernel -mno-red-zone -mgeneral-regs-only $(K_GUARD) -fno-asynchronous-unwind-tables \
    -fcf-protection=none -ffunction-sections -fdata-sections -fno-inline-small-functions -fira-region=one -ffile-prefix-map=$(CURDIR)/= -iquote kernel
K_LINK  := -nostdlib -static -no-pie -Wl,--gc-sections -Wl,-z,max-page-size=16 -Wl,-z,noexecstack \
    -Wl,--build-id=none -T linker.ld
K_C     := $(wildcard kernel/*.c kernel/drivers/*.c kernel/x86_64/*.c boot/pvh.c)
K_S     := $(wildcard kernel/x86_64/*.S boot/pvh.S)
K_OBJ   := $(K_C:%.c=$(B)/obj/%.o) $(K_S:%.S=$(B)/obj/%.S.o)

$(B)/obj/kernel/%.o $(B)/obj/boot/pvh.o: FLAGS = $(K_FLAGS)
$(B)/obj/kernel/%.S.o $(B)/obj/boot/pvh.S.o: FLAGS = $(K_FLAGS)

# What every operation on a share goes through is made for speed, all else for size: docs/performance.md has what each file gains. No loop becomes a call of
# memcpy(), which string.c is.
K_HOT := 9p 9p_fs 9p_list 9p_io virtq virtq_split drivers/virtio_9p vfs vfs_path sys_file string x86_64/space
$(K_HOT:%=$(B)/obj/kernel/%.o): FLAGS = $(K_FLAGS) -O2 -finline-small-functions -fno-tree-loop-distribute-patterns -fno-tree-vectorize \
    -falign-functions=1 -falign-loops=1 -falign-jumps=1 -falign-labels=1

$(B)/obj/%.o: %.c Makefile
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(quiet)$(CC) $(FLAGS) -MMD -MP -c $< -o $@

$(B)/obj/%.S.o: %.S Makefile
	$(call say,AS,$<)
	@mkdir -p $(@D)
	$(quiet)$(CC) $(FLAGS) -MMD -MP -c $< -o $@

$(B)/kernel.debug.elf: $(K_OBJ) linker.ld
	$(call say,LD,$@)
	$(quiet)$(CC) $(K_LINK) $(K_OBJ) -o $@

# The names of its functions, for backtraces: one of the initial files.
$(B)/obj/kernel.names: $(B)/kernel.debug.elf tools/symbols.sh
	$(quiet)nm -n $< | tools/symbols.sh > $@.S && $(CC) -c $@.S -o $@.o && objcopy -O binary -j .text $@.o $@

$(B)/kernel.elf: $(B)/kernel.debug.elf
	$(call say,STRIP,$@)
	$(quiet)strip -s $< -o $@

# ---- programs for the guest: static ELF on newlib, which run on Linux too ----

A_FLAGS := -std=gnu11 -Wall -Wextra -Werror -Wmissing-prototypes -O2 -g -fno-pic -fno-pie -fno-stack-protector \
    -fcf-protection=none -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections -ffile-prefix-map=$(CURDIR)/= \
    -U__linux__ -nostdinc -Iapps/libc/include -isystem $(NEWLIB)/include -isystem $(GCC_INCLUDE)
A_LINK  := -nostdlib -static -no-pie -Wl,--gc-sections -Wl,-z,noseparate-code -Wl,-z,max-page-size=4096 -Wl,-z,noexecstack -Wl,--build-id=none
A_LIBC  := $(patsubst %,$(B)/obj/%.o,$(wildcard apps/libc/*.S) $(basename $(wildcard apps/libc/*.c)))
APPS    := $(patsubst apps/%.c,$(B)/apps/%,$(wildcard apps/*.c))

$(B)/obj/apps/%.o: FLAGS = $(A_FLAGS)
$(B)/obj/apps/%.S.o: FLAGS = $(A_FLAGS)
$(patsubst %.c,$(B)/obj/%.o,$(wildcard apps/*.c apps/libc/*.c)): | $(NEWLIB)/lib/libc.a

$(NEWLIB)/lib/libc.a:
	@tools/newlib.sh build

$(B)/apps/%: $(B)/obj/apps/%.o $(A_LIBC) | $(NEWLIB)/lib/libc.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(quiet)$(CC) $(A_LINK) $^ $(NEWLIB)/lib/libc.a -lgcc -o $@

$(B)/initfs.cpio: $(B)/obj/kernel.names $(APPS) tools/cpio
	$(call say,CPIO,$@)
	$(quiet)tools/cpio $@ $(filter-out tools/%,$^)

# ---- the EFI application, which carries the kernel and the initial files ----

E_FLAGS := -std=c11 -Wall -Wextra -Werror -O2 -g -ffreestanding -fpic -fshort-wchar -mno-red-zone -mgeneral-regs-only \
    -fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none -maccumulate-outgoing-args \
    -ffile-prefix-map=$(CURDIR)/= -iquote kernel -isystem /usr/include/efi -isystem /usr/include/efi/x86_64 -DGNU_EFI_USE_MS_ABI
E_OBJ   := $(patsubst %,$(B)/obj/%.o,$(wildcard boot/efi*.S) $(basename $(wildcard boot/efi*.c)))
E_KEEP  := .text .sdata .data .rodata .dynamic .dynsym .rel .rela '.rel.*' '.rela.*' .reloc

$(B)/obj/boot/%.o: FLAGS = $(E_FLAGS)
$(B)/obj/boot/%.S.o: FLAGS = $(E_FLAGS) -DKERNEL_ELF='"$(B)/kernel.elf"' -DINITFS='"$(B)/initfs.cpio"'
$(patsubst %,$(B)/obj/%.o,$(wildcard boot/efi*.S)): $(B)/kernel.elf $(B)/initfs.cpio

$(B)/sheepskin.efi: $(E_OBJ)
	$(call say,EFI,$@)
	$(quiet)$(LD) -nostdlib -shared -Bsymbolic -znocombreloc -znoexecstack --no-warn-rwx-segments --no-undefined -T $(EFI_LIB)/elf_x86_64_efi.lds \
	    -L $(EFI_LIB) $(EFI_LIB)/crt0-efi-x86_64.o $^ -lefi -lgnuefi -o $(B)/obj/sheepskin.efi.so
	$(quiet)objcopy $(addprefix -j ,$(E_KEEP)) --target efi-app-x86_64 --subsystem=10 $(B)/obj/sheepskin.efi.so $@

# ---- the launcher, for the host ----

T_FLAGS := -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -Wmissing-prototypes -O2 -g
T_OBJ   := $(patsubst %.c,$(B)/obj/%.o,$(filter-out tools/exec.c,$(wildcard tools/*.c)))

$(B)/obj/tools/%.o: FLAGS = $(T_FLAGS)

$(B)/sheepskin: $(T_OBJ)
	$(call say,LD,$@)
	$(quiet)$(CC) $^ -o $@

# ---- what tests are made of: unit tests, fuzzers, proofs, coverage ----

include tests/tests.mk
include tests/bench/bench.mk

# ---- compile_commands.json, from the same variables as the rules ----

define entry
{"directory":"$(CURDIR)","file":"$(2)","command":"$(CC) $(1) -c $(2) -o $(B)/$(3)$(2:.c=.o)"},

endef
entries = $(foreach f,$(2),$(call entry,$(1),$(f),$(3)))
T_C    := $(wildcard tests/host/*.c tests/unit/*.c tests/9p/*.c)

$(B)/compile_commands.json: Makefile tests/tests.mk $(B)/config.mk $(K_C) $(wildcard apps/*.c apps/libc/*.c boot/efi*.c tools/*.c) $(T_C)
	$(file >$@,[)
	$(file >>$@,$(call entries,$(K_FLAGS),$(K_C),obj/)$(call entries,$(A_FLAGS),$(wildcard apps/*.c apps/libc/*.c),obj/))
	$(file >>$@,$(call entries,$(E_FLAGS),$(wildcard boot/efi*.c),obj/)$(call entries,$(T_FLAGS),$(wildcard tools/*.c),obj/))
	$(file >>$@,$(call entries,$(U_FLAGS),$(T_C),unit/obj/){}])
	@sed -i -z 's/,[[:space:]]*{}\]/]/' $@

# ---- targets ----

.PHONY: all run test unit fuzz corpus prove coverage coverage-run vm lint format bench install clean help FORCE
FORCE:

all: $(B)/kernel.elf $(B)/sheepskin.efi $(B)/initfs.cpio $(B)/sheepskin $(B)/compile_commands.json

# make can end with 0 or 2 only. So that the status is the program's, make becomes the launcher, where it can load what does that.
RUN := $(B)/sheepskin run --boot efi --verbose -v "$(SHARE):/host" -- $(APP) $(ARGS)
ifeq ($(MAKECMDGOALS)$(strip $(dry_run)),run)
-load $(B)/obj/exec.so(exec_setup)
endif

$(B)/obj/exec.so: tools/exec.c | $(B)/config.mk
	@mkdir -p $(@D)
	$(quiet)$(CC) $(T_FLAGS) -shared -fPIC $< -o $@

run: all
	@$(become $(RUN))$(RUN)

test: all $(UNITS) $(REPLAY) $(B)/9pclient $(B)/checked/kernel.elf $(BENCH)
	@tests/run lint build unit replay prove apps 9p vm

vm: all $(B)/checked/kernel.elf $(BENCH)
unit: $(UNITS)
unit vm lint:
	@tests/run $@

format:
	clang-format -i $(shell find boot kernel apps tools tests -name "*.[ch]")

bench: all $(BENCH)
	@$(PYTHON) tests/bench/bench.py $(if $(QUICK),--quick)

install: all
	install -d $(addprefix $(DESTDIR)$(PREFIX)/,bin lib/sheepskin share/man/man1)
	install -m 755 $(B)/sheepskin $(DESTDIR)$(PREFIX)/bin/
	install -m 644 $(B)/kernel.elf $(B)/sheepskin.efi $(B)/initfs.cpio $(DESTDIR)$(PREFIX)/lib/sheepskin/
	install -m 644 docs/sheepskin.1 $(DESTDIR)$(PREFIX)/share/man/man1/

clean:
	rm -rf $(B)

help:
	@echo 'make            the kernel, the EFI application, the programs, the launcher (into $(B)/)'
	@echo 'make run        boots the EFI application over a folder: APP=$(APP) ARGS="$(ARGS)" SHARE=$(SHARE)'
	@echo 'make test       every test; make unit, make vm, make lint: some of them'
	@echo 'make fuzz       T=10 seconds of any bytes to each place where the host gives us some; make corpus keeps what was found'
	@echo 'make prove      no run-time error in what parses the bytes of the host, whatever they are (Frama-C); UNIT=9p_fs: some'
	@echo 'make coverage   how much of the kernel the unit tests and the corpora reach'
	@echo 'make bench      files and starts, timed beside a Linux guest and the host; QUICK=1: in less than two minutes'
	@echo 'make install    to DESTDIR/PREFIX (PREFIX=$(PREFIX))'
	@echo 'make format     clang-format over all C'
	@echo 'make clean      removes $(B)/; the C library for the programs stays in the cache (~/.cache/sheepskin)'
	@echo 'V=1 shows the commands.'

-include $(shell find $(B) -name '*.d' 2>/dev/null)
