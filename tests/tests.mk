# SPDX-License-Identifier: MIT
# Checks: unit tests (cmocka), end-to-end tests (pytest), sanitizers, fuzzing, layers, lint, benches.
# T= names one: T=csv/scan is tests/unit/csv/scan_test.c, T=e2e/test_api is tests/e2e/test_api.py (likewise differential/…). F= filters inside it.

PY_T     = $(filter e2e/% differential/% fault/%,$(T))
# Most of these tests wait most of the time: where there are two cores, two run at a time.
TEST_JOBS = $(if $(T),1,$(JOBS))
PYTEST   = PYTHONDONTWRITEBYTECODE=1 BUILD=$(BUILD) CETLD=$(abspath $(DAEMON)) /usr/bin/python3 tests/run.py $(TEST_JOBS)
UNIT_T   = $(filter-out $(PY_T),$(T))
PY_TESTS = $(if $(PY_T),$(PY_T:%=tests/%.py),tests/fault tests/e2e)
UNITS_WANTED = $(if $(UNIT_T),$(UNIT_T:%=$(BUILD)/unit/%),$(UNITS))

# What e2e/test_store drives: calls of store/store.h, one by one.
PROBE = $(BUILD)/store-probe
$(PROBE): $(BUILD)/tests/store/probe.o $(call upto,store)
	$(say) LINK $@
	$(Q)$(CC) -o $@ $^ $(ALL_LDFLAGS) $(LIBS)

.PHONY: check
check: ## unit and end-to-end tests; one: T=csv/scan F='*quote*', or T=e2e/test_api F=status
	@tools/deps.sh build run test
	$(if $(T),,$(AGAIN) -f Makefile -f tests/differential/rules.mk all unit $(PROBE) $(BENCHES) $(DIFFERENTIAL))
	$(if $(PY_T),,$(AGAIN) layers check-unit)
	$(if $(UNIT_T),,$(AGAIN) PY_TESTS='$(if $(T),,tests/differential) $(PY_TESTS)' check-e2e)

.PHONY: check-unit
check-unit: $(UNITS_WANTED) ## unit tests only
	@F='$(F)' tests/unit/run.sh $(JOBS) $(BUILD)/unit $(sort $^)

.PHONY: check-e2e
check-e2e: $(DAEMON) $(CETL) $(PROBE) ## end-to-end tests only
	$(Q)$(PYTEST) $(if $(F),-k '$(F)') $(PY_TESTS)

.PHONY: check-differential
check-differential: ## types, aggregates and values against PostgreSQL's own
	$(Q)$(PYTEST) tests/differential

DIFFERENTIAL = $(patsubst tests/differential/%.c,$(BUILD)/differential/%,$(wildcard tests/differential/*.c))

.PHONY: check-long
check-long: TEST_JOBS = 1
check-long: $(DAEMON) $(CETL) $(PROBE) ## tests at full length: 2000 expressions x 10,000 rows, 30 kills, 500 sequences of rollups, a 200 MB and a 1 GB file
	@tools/deps.sh build run test long $(if $(shell command -v npm),,npm)
	$(if $(T),,$(Q)$(PYTEST) -s --long tests/differential/test_expr.py)
	$(Q)$(PYTEST) --long $(if $(F),-k '$(F)') $(PY_TESTS)

# What has threads: the workers, and who talks with them.
THREADED = $(filter loop/% store/% etl/% spool/% base/log base/counters base/histogram,$(patsubst tests/unit/%_test.c,%,$(UNIT_SRCS)))

# ThreadSanitizer wants its memory where it expects it.
check-san: UNDER = TSAN_OPTIONS=suppressions=$(CURDIR)/tests/tsan.supp $(shell setarch -R true 2>/dev/null && echo setarch -R)

.PHONY: check-san
check-san: ## unit tests and a short end-to-end run under ASan+UBSan, what has threads under TSan
	@tools/deps.sh build run test
	$(AGAIN) BUILD=$(BUILD)/asan SAN=address,undefined OPT='-O1 -g' check-unit
	$(AGAIN) BUILD=$(BUILD)/asan SAN=address,undefined OPT='-O1 -g' F='$(or $(F),main_job or refused or api)' check-e2e
	$(AGAIN) BUILD=$(BUILD)/tsan SAN=thread OPT='-O1 -g' T='$(THREADED)' check-unit
	$(AGAIN) BUILD=$(BUILD)/tsan SAN=thread OPT='-O1 -g' T= F="main_job or replace" check-e2e

# tests/systemd/NAME.sh, each in a boot of its own; T=systemd/NAME: only that one. OLD=: the release to upgrade from.
SYSTEMD_T = $(or $(patsubst systemd/%,%,$(filter systemd/%,$(T))),main_job newcomer readme restarts upgrade)

.PHONY: check-systemd
check-systemd: deb ## install the package in a booted systemd and use it (root); one: T=systemd/restarts
	@tools/deps.sh systemd
	@if [ -n "$(OLD)" ]; then rm -rf $(BUILD)/deb/old && mkdir $(BUILD)/deb/old && cp $(OLD) $(BUILD)/deb/old/; else tests/systemd/older.sh $(BUILD)/deb/cetld_*.deb $(BUILD)/deb/old; fi
	$(Q)for t in $(SYSTEMD_T); do echo "== $$t"; tests/systemd/boot.sh tests/systemd/$$t.sh $(BUILD)/deb/cetld_*.deb $(BUILD)/deb/old README.md docs/quickstart.md || exit 1; done

.PHONY: check-deb
check-deb: deb ## what lintian, systemd-analyze and piuparts say about the package (root)
	@tools/deps.sh checkdeb
	$(Q)tests/systemd/check_deb.sh $(BUILD)/deb

SUITE ?= trixie

.PHONY: check-suite
check-suite: ## build, test and pack in another Debian, SUITE=trixie (root)
	@tools/deps.sh systemd
	$(Q)T="$(T)" tests/systemd/suite.sh $(SUITE)

# tests/fuzz/NAME_fuzz.c, each with its corpus in tests/fuzz/corpus/NAME, under clang's libFuzzer.
FUZZ_SECONDS ?= 60
FUZZERS = $(patsubst tests/fuzz/%_fuzz.c,%,$(wildcard tests/fuzz/*_fuzz.c))

.PHONY: fuzz
fuzz: ## fuzz every parser for FUZZ_SECONDS=60; one: T=NAME
	@tools/deps.sh build san
	$(AGAIN) CC=clang BUILD=$(BUILD)/fuzz SAN=fuzzer-no-link,address,undefined OPT='-O1 -g' fuzz-run

.PHONY: fuzz-run
fuzz-run: $(foreach f,$(or $(T),$(FUZZERS)),$(BUILD)/fuzzer/$(f))
	$(Q)for f in $(^F); do tests/fuzz/run.sh $(BUILD)/fuzzer/$$f $(FUZZ_SECONDS) || exit 1; done

$(BUILD)/fuzzer/%: $(BUILD)/tests/fuzz/%_fuzz.o $(call upto,api)
	$(say) LINK $@
	@mkdir -p $(@D)
	$(Q)$(CC) -o $@ $^ $(subst fuzzer-no-link,fuzzer,$(ALL_LDFLAGS)) $(LIBS)

.PHONY: layers
layers: ## each file includes only its own layer and lower ones
	$(Q)tests/layers.sh $(LAYERS)

.PHONY: lint
lint: ## clang-tidy and cppcheck (.clang-tidy, tests/cppcheck.txt)
	@tools/deps.sh build lint
	$(Q)cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,performance,portability --inline-suppr --library=tests/cppcheck.cfg --suppressions-list=tests/cppcheck.txt \
	    -j $(JOBS) -Idaemon -D_GNU_SOURCE daemon cli
	@mkdir -p $(BUILD)
	$(Q)printf '%s\n' -std=gnu11 -I$(CURDIR)/daemon $(CPPFLAGS) >$(BUILD)/compile_flags.txt
	$(Q)printf '%s\0' $(wildcard cli/*.c daemon/*.c daemon/*/*.c) | xargs -0 -n 1 -P $(JOBS) clang-tidy --quiet -p $(BUILD) 2>/dev/null

# The programs of the benches: generate (files), fold (what one core makes of a file), cells (what a cell costs), text (what it costs to
# find it), expressions (what one costs) and http (a load of requests). `check` builds them, so that they do not rot.
BENCHES = $(BUILD)/bench/generate $(BUILD)/bench/fold $(BUILD)/bench/cells $(BUILD)/bench/text $(BUILD)/bench/expressions $(BUILD)/bench/http

$(BUILD)/bench/%: $(BUILD)/bench/%.o $(call upto,format)
	$(say) LINK $@
	$(Q)$(CC) -o $@ $^ $(ALL_LDFLAGS) $(LIBS)

.PHONY: micro
micro: $(BUILD)/bench/cells $(BUILD)/bench/text $(BUILD)/bench/expressions ## nanoseconds a cell by type, a row to aggregate, an expression; GB/s of the scan, the reader and UTF-8; the machine should have nothing else to do
	$(Q)for b in $^; do $$b || exit 1; done

.PHONY: bench
bench: $(DAEMON) $(CETL) $(BENCHES) ## measure; writes build/bench/BENCHMARKS.md (SCALE=0.1: smaller files, ROUNDS=5, ONLY=append,keyed, BENCH_BIG=10G)
	@tools/deps.sh run test bench
	$(Q)BUILD=$(abspath $(BUILD)) PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 bench/run.py
