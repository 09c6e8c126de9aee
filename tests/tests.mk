# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
# tests.mk - what the tests run: programs of the host made from the kernel's files. Included by the Makefile.

# ---- unit tests: the kernel's files over a fake machine, with sanitizers ----

CHECKS  := -fsanitize=address,undefined -fno-sanitize-recover=all
U_FLAGS := -std=gnu11 -g -O1 -Wall -Wextra -Werror $(CHECKS) -fno-omit-frame-pointer \
    -fno-pie -no-pie -iquote kernel -iquote tests/host
# Left out: what only runs on the real machine, and what the host's C library has itself.
U_C     := $(filter-out kernel/main.c kernel/string.c kernel/guard.c kernel/proc%.c kernel/sys_%.c kernel/syscall.c,$(wildcard kernel/*.c \
    kernel/drivers/*.c)) $(wildcard tests/host/*.c)
U_OBJ   := $(U_C:%.c=$(B)/unit/obj/%.o)
UNITS   := $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/*.c))

$(B)/unit/obj/%.o: %.c Makefile tests/tests.mk
	$(call say,CC/unit,$<)
	@mkdir -p $(@D)
	$(quiet)$(CC) $(U_FLAGS) -MMD -MP -c $< -o $@

# What it tests is a program of EFI's.
$(B)/unit/obj/tests/unit/efi.o: U_FLAGS += $(filter -fshort-wchar -DGNU_EFI%,$(E_FLAGS)) -isystem /usr/include/efi -isystem /usr/include/efi/x86_64
$(UNITS): $(B)/unit/%: $(B)/unit/obj/tests/unit/%.o
# The kernel's 9P client as a program of the host, for servers behind a socket.
$(B)/9pclient: $(patsubst %.c,$(B)/unit/obj/%.o,$(wildcard tests/9p/*.c))
$(UNITS) $(B)/9pclient: $(U_OBJ)
	$(call say,LD/unit,$@)
	$(quiet)$(CC) $(U_FLAGS) $^ -lcmocka -o $@

# ---- the kernel with every check of undefined behaviour, which the released one has not for their price ----

CHECKED := -fstack-protector-strong -mstack-protector-guard=global -fsanitize=undefined -fsanitize-undefined-trap-on-error

$(B)/checked/kernel.elf: FORCE
	@MAKEFLAGS= $(MAKE) --no-print-directory B=$(B)/checked K_GUARD='$(CHECKED)' $@

# ---- fuzz targets: each place where bytes of the host enter, T seconds long (clang); what they found is replayed by gcc's sanitizers ----

F_FLAGS := $(filter-out -W% -no-pie,$(U_FLAGS)) -fsanitize=fuzzer-no-link
TARGETS := $(filter-out replay,$(basename $(notdir $(wildcard tests/fuzz/*.c))))
FUZZ    := $(TARGETS:%=$(B)/fuzz/%)
REPLAY  := $(TARGETS:%=$(B)/replay/%)

$(B)/fuzz/obj/%.o: %.c Makefile tests/tests.mk
	$(call say,CC/fuzz,$<)
	$(quiet)mkdir -p $(@D) && clang $(F_FLAGS) -MMD -MP -c $< -o $@

$(FUZZ): $(B)/fuzz/%: $(B)/fuzz/obj/tests/fuzz/%.o $(U_C:%.c=$(B)/fuzz/obj/%.o)
	$(quiet)clang $(F_FLAGS) -no-pie -fsanitize=fuzzer $^ -lcmocka -o $@

fuzz: $(FUZZ) $(REPLAY)
	@tests/fuzz/fuzz.py $(or $(T),10) $(TARGETS)

# Takes what the last runs found into tests/fuzz/corpus, as few inputs as cover the same.
corpus: $(FUZZ)
	@tests/fuzz/fuzz.py merge $(TARGETS)

$(REPLAY): $(B)/replay/%: $(B)/unit/obj/tests/fuzz/%.o $(B)/unit/obj/tests/fuzz/replay.o $(U_OBJ)
	$(call say,LD/unit,$@)
	@mkdir -p $(@D)
	$(quiet)$(CC) $(U_FLAGS) $^ -lcmocka -o $@

# ---- proofs (Frama-C) and coverage (gcov) ----

prove:
	@tests/prove/prove.py $(UNIT)

# The same programs with counters: unit tests, the corpora, the 9P client before a real server.
coverage:
	@rm -rf $(B)/cov/unit/obj/kernel/*.gcda $(B)/cov/unit/obj/kernel/drivers/*.gcda
	@MAKEFLAGS= $(MAKE) --no-print-directory B=$(B)/cov CHECKS="--coverage -O0" coverage-run
coverage-run: $(UNITS) $(REPLAY) $(B)/9pclient
	@tests/coverage.py $(B)
