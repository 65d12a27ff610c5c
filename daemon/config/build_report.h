/* SPDX-License-Identifier: MIT */
/*
 * The [report NAME] sections: parameters, file name and query belong together.
 *
 * Thread: any.
 */
#ifndef CETLD_CONFIG_BUILD_REPORT_H
#define CETLD_CONFIG_BUILD_REPORT_H

#include "config/builder.h"

/** 0 or -ENOMEM. */
must_check int build_reports(struct builder *b);

#endif
