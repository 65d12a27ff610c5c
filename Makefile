# SPDX-License-Identifier: MIT
# cetld. `make help` lists the targets. Everything is built under build/ (BUILD=…); sources are found by folder.
# It parses on a machine that has nothing but make: `make deps` installs the rest.

BUILD   ?= build
VERSION := $(shell head -n 1 debian/changelog 2>/dev/null | tr -d '()' | cut -d' ' -f2)
ifeq ($(origin CC),default)
CC      := gcc
endif
JOBS    ?= $(shell nproc 2>/dev/null || echo 1)
Q       := $(if $(V),,@)
say      = $(if $(V),@:,@printf '  %-6s %s\n')

LAYERS  := base config csv data expr format loop db store http spool etl rest api
PKGS    := libuv libpq libsystemd libcrypto libarchive libcurl

WARN    := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2 -Wwrite-strings -Wpointer-arith \
           -Werror=attributes -Werror=implicit-function-declaration -fno-strict-aliasing $(if $(CI),-Werror)
OPT     ?= -O2 -g
HARDEN  := $(if $(SAN),,$(shell dpkg-buildflags --get CPPFLAGS 2>/dev/null) -fstack-protector-strong -fstack-clash-protection -fcf-protection)
SANFLAG := $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all)

# llhttp: Debian 13 has libllhttp-dev; Debian 12 ships the C sources in node-llhttp (see daemon/http/head_guard.h).
ifeq ($(shell pkg-config --exists libllhttp 2>/dev/null && echo y),y)
LLHTTP_CFLAGS := $(shell pkg-config --cflags libllhttp)
LLHTTP_LIBS   := $(shell pkg-config --libs libllhttp)
LLHTTP_OBJS   :=
else
LLHTTP_DIR    ?= /usr/share/llhttp
LLHTTP_CFLAGS := -isystem /usr/share/include/llhttp
LLHTTP_LIBS   :=
LLHTTP_OBJS   := $(BUILD)/llhttp/llhttp.o $(BUILD)/llhttp/api.o $(BUILD)/llhttp/http.o
endif

CPPFLAGS += -Idaemon -D_GNU_SOURCE -DCETLD_VERSION='"$(or $(VERSION),0)"' $(LLHTTP_CFLAGS) $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
ALL_CFLAGS = -std=gnu11 $(OPT) $(WARN) $(HARDEN) $(SANFLAG) -pthread $(CPPFLAGS) $(CFLAGS)
ALL_LDFLAGS = $(if $(SAN),,$(shell dpkg-buildflags --get LDFLAGS 2>/dev/null)) $(SANFLAG) -pthread $(LDFLAGS)
LIBS    := $(LLHTTP_LIBS) $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lz -lm

# One archive a layer; a program links its own layer and the ones below it, so that an upward call does not even link.
srcs     = $(wildcard daemon/$(1)/*.c)
objs     = $(patsubst %.c,$(BUILD)/%.o,$(call srcs,$(1)))
archive  = $(BUILD)/lib/$(1).a
# $(call upto,csv): archives from csv down to base, in link order
upto     = $(foreach l,$(call reverse,$(call until,$(1),$(LAYERS))),$(if $(call srcs,$(l)),$(call archive,$(l))))
until    = $(if $(filter $(firstword $(2)),$(1)),$(firstword $(2)),$(firstword $(2)) $(call until,$(1),$(wordlist 2,$(words $(2)),$(2))))
reverse  = $(if $(1),$(call reverse,$(wordlist 2,$(words $(1)),$(1))) $(firstword $(1)))

DAEMON  := $(BUILD)/cetld
CETL    := $(BUILD)/cetl
UNIT_SRCS := $(wildcard tests/unit/*/*_test.c)
UNITS   := $(patsubst tests/unit/%_test.c,$(BUILD)/unit/%,$(UNIT_SRCS))

.PHONY: all
all: $(DAEMON) $(CETL) ## build the daemon and its command (CC=clang, SAN=address,undefined, CI=1: warnings are errors, V=1: show commands)

.PHONY: help
help:
	@echo "cetld $(VERSION): make TARGET [NAME=VALUE]"
	@sed -n 's/^\([a-z-]*\):.*## /  \1|/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do printf '%-20s %s\n' "  $$name" "$$text"; done

.PHONY: deps
deps: ## install what building and running needs, when it is missing (apt-get; sudo when not root)
	@tools/deps.sh build run

# What objects are compiled with is a file, which changes only when that does: then all are compiled anew (CI=1, CC=clang, a new version).
# `sudo make install` takes what was built, whatever root's environment has.
FLAGS   := $(BUILD)/flags
COMPILE  = $(CC) $(ALL_CFLAGS)
.PHONY: force
$(FLAGS): $(if $(filter-out install,$(or $(MAKECMDGOALS),all)),force)
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','"'"',$(COMPILE))' | cmp -s - $@ || printf '%s\n' '$(subst ','"'"',$(COMPILE))' >$@

$(BUILD)/%.o: %.c $(FLAGS)
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# A recipe that runs after deps.sh must start make anew, because what this file found out about the machine is out of date by then.
# It says `+` to pass the job slots on.
AGAIN    = +$(Q)$(UNDER) $(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$(JOBS))

$(BUILD)/daemon/csv/simd_avx2.o $(BUILD)/daemon/data/cells_avx2.o: private CFLAGS += -mavx2 -mbmi -mpopcnt -mpclmul

$(BUILD)/llhttp/%.o: $(LLHTTP_DIR)/%.c $(FLAGS)
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 $(OPT) $(SANFLAG) -w $(LLHTTP_CFLAGS) -c -o $@ $<

define layer_rule
$(call archive,$(1)): $(call objs,$(1)) $(if $(filter http,$(1)),$(LLHTTP_OBJS)) $(if $(filter api,$(1)),$(BUILD)/web.o)
	@mkdir -p $$(@D)
	@rm -f $$@
	$(Q)$$(AR) rcs $$@ $$^
endef
$(foreach l,$(LAYERS),$(if $(call srcs,$(l)),$(eval $(call layer_rule,$(l)))))

# The pages are compiled in.
WEB := $(sort $(wildcard web/*))
$(BUILD)/web.c: tools/web.sh $(WEB)
	$(say) WEB $@
	@mkdir -p $(@D)
	$(Q)tools/web.sh $(WEB) >$@.new && mv $@.new $@

$(BUILD)/web.o: $(BUILD)/web.c $(FLAGS)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(DAEMON): $(patsubst %.c,$(BUILD)/%.o,$(wildcard daemon/*.c)) $(call upto,api)
	$(say) LINK $@
	$(Q)$(CC) -o $@ $^ $(ALL_LDFLAGS) $(LIBS)

# The command: the layers up to etl/, of which it takes what needs no daemon.
$(CETL): $(patsubst %.c,$(BUILD)/%.o,$(wildcard cli/*.c)) $(call upto,etl)
	$(say) LINK $@
	$(Q)$(CC) -o $@ $^ $(ALL_LDFLAGS) $(LIBS)

# A unit test tests/unit/LAYER/NAME_test.c links the archives of LAYER and below.
define unit_rule
$(BUILD)/unit/$(1)/%: $(BUILD)/tests/unit/$(1)/%_test.o $(BUILD)/tests/unit/filter.o $(call upto,$(1))
	$(say) LINK $$@
	@mkdir -p $$(@D)
	$(Q)$(CC) -o $$@ $$^ $(ALL_LDFLAGS) $(LIBS) -lcmocka
endef
$(foreach l,$(LAYERS),$(eval $(call unit_rule,$(l))))
.SECONDARY:

.PHONY: unit
unit: $(UNITS)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

.PHONY: demo
demo: ## install, build, start, load the examples, show them; stays until Ctrl-C (ONCE=1: ends by itself)
	@tools/deps.sh build run demo
	$(AGAIN) all
	@BUILD=$(BUILD) ONCE=$(ONCE) tools/demo.sh

# UNITDIR= (empty) leaves the unit to debhelper, which knows each Debian's folder.
PREFIX     ?= /usr/local
SYSCONFDIR ?= $(if $(filter /usr,$(PREFIX)),/etc,$(PREFIX)/etc)
UNITDIR    ?= $(PREFIX)/lib/systemd/system
EXAMPLES    = $(PREFIX)/share/doc/cetld/examples

.PHONY: install
install: $(DAEMON) $(CETL) ## install under DESTDIR= PREFIX=/usr/local
	install -D -m 755 $(DAEMON) $(DESTDIR)$(PREFIX)/sbin/cetld
	install -D -m 755 $(CETL) $(DESTDIR)$(PREFIX)/bin/cetl
	install -D -m 644 conf/cetl.conf $(DESTDIR)$(SYSCONFDIR)/cetl/cetl.conf
	install -D -m 644 cli/cetl.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/cetl
	for page in $(wildcard docs/*.[1-8]); do install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man$${page##*.} $$page || exit 1; done
	install -d -m 755 $(DESTDIR)$(SYSCONFDIR)/cetl/conf.d $(DESTDIR)$(EXAMPLES)
	$(if $(UNITDIR),install -d -m 700 $(DESTDIR)$(SYSCONFDIR)/cetl/credentials)
	cp -R conf/examples/. $(DESTDIR)$(EXAMPLES)/
	$(if $(UNITDIR),install -d -m 755 $(DESTDIR)$(UNITDIR))
	$(if $(UNITDIR),sed 's|/usr/sbin/|$(PREFIX)/sbin/|; s|/etc/cetl|$(SYSCONFDIR)/cetl|; s/ cetld-database.path//; /database-setup/d' systemd/cetld.service >$(DESTDIR)$(UNITDIR)/cetld.service)
	$(if $(UNITDIR),install -m 644 systemd/cetld.socket $(DESTDIR)$(UNITDIR)/cetld.socket)

.PHONY: deb
deb: ## build the Debian package into build/
	@tools/deps.sh build deb
	@tools/deb.sh $(BUILD)

.PHONY: format
format: ## lay out the C sources by .clang-format
	clang-format -i $(wildcard cli/*.[ch] daemon/*.[ch] daemon/*/*.[ch] tests/unit/*.[ch] tests/unit/*/*.[ch] tests/fuzz/*.[ch])

.PHONY: clean
clean: ## remove what was built
	rm -rf $(BUILD)

include tests/tests.mk
