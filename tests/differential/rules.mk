# SPDX-License-Identifier: MIT
# make -f Makefile -f tests/differential/rules.mk differential/NAME: one program of tests/differential, linked with format and below.
.PHONY: differential/%
differential/%: $(BUILD)/differential/% ;

$(BUILD)/differential/%: $(BUILD)/tests/differential/%.o $(call upto,format)
	$(say) LINK $@
	@mkdir -p $(@D)
	$(Q)$(CC) -o $@ $^ $(ALL_LDFLAGS) $(LIBS)
