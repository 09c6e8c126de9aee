# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
# tests.mk - what the tests run: programs of the host made from the kernel's files. Included by the Makefile.

# ---- unit tests: the kernel's files over a fake machine, with sanitizers ----

U_FLAGS := -std=gnu11 -g -O1 -Wall -Wextra -Werror -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer \
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

# ---- fuzz targets: each place where bytes of the host enter, T seconds long (clang) ----

F_FLAGS := $(filter-out -W% -no-pie,$(U_FLAGS)) -fsanitize=fuzzer-no-link
FUZZ    := $(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(wildcard tests/fuzz/*.c))

$(B)/fuzz/obj/%.o: %.c Makefile tests/tests.mk
	$(call say,CC/fuzz,$<)
	$(quiet)mkdir -p $(@D) && clang $(F_FLAGS) -MMD -MP -c $< -o $@

$(FUZZ): $(B)/fuzz/%: $(B)/fuzz/obj/tests/fuzz/%.o $(U_C:%.c=$(B)/fuzz/obj/%.o)
	$(quiet)clang $(F_FLAGS) -no-pie -fsanitize=fuzzer $^ -lcmocka -o $@

# In another process each time, because what the kernel keeps for ever fills its memory.
fuzz: $(FUZZ)
	@for f in $(FUZZ); do echo "  FUZZ     $$f"; mkdir -p $$f.corpus && \
	    ASAN_OPTIONS=detect_leaks=0 $$f -fork=1 -max_total_time=$(or $(T),10) -timeout=20 -max_len=2048 -artifact_prefix=$$f. $$f.corpus \
	    > $$f.log 2>&1 || { tail -n 60 $$f.log; exit 1; }; done
