/* SPDX-License-Identifier: MIT */
#include "csv/dialect.h"

struct dialect dialect_default(void)
{
    return (struct dialect){.delimiter = ',', .quote = '"', .encoding = DIALECT_UTF8, .header = DIALECT_HEADER_AUTO};
}
