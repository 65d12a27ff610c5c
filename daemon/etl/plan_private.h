/* SPDX-License-Identifier: MIT */
/*
 * What the parts of a plan share while it is made: plan.c (from the head of a file to a plan, or to what the table lacks) and
 * plan_rule.c (the rules of its columns and inputs, the rollups over them, the COPY statement). Nobody else includes this.
 *
 * Thread: loop.
 */
#ifndef CETLD_ETL_PLAN_PRIVATE_H
#define CETLD_ETL_PLAN_PRIVATE_H

#include "etl/plan.h"

/** What a plan is made with. */
struct planning {
    struct plan *plan;
    const struct plan_head *head;
    struct match match;
    struct error *err;
};

/** What stands for NULL: the list, in the arena; NULL: no memory. */
const struct slice *plan_null_tokens(struct arena *a, const struct config_list *list);
/** How numbers are written in the dataset's column `c` (NULL: in any); decimal 0: as usual. */
struct type_marks plan_marks_of(const struct config_dataset *d, const struct config_column *c);
/** All of it, once m->match is known. 0, PLAN_E_… with the words in m->err, or -ENOMEM; the plan is to be freed all the same. */
must_check int plan_make_rule(struct planning *m);

#endif
