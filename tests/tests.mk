# SPDX-License-Identifier: MIT
# Checks: unit tests (cmocka), end-to-end tests (pytest), sanitizers, layers, lint.

.PHONY: check-unit
# One: make check-unit T=csv/scan F='*quote*'
check-unit: $(if $(T),$(BUILD)/unit/$(T),$(UNITS))
	$(Q)for t in $^; do CMOCKA_TEST_FILTER='$(F)' $$t || exit 1; done
