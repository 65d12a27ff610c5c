/* SPDX-License-Identifier: MIT */
/*
 * cetld --new-token: a token for the API and its hash, on stdout, each on its line; what to do with them, on stderr.
 */
#ifndef CETLD_NEW_TOKEN_H
#define CETLD_NEW_TOKEN_H

/** EXIT_SUCCESS or EXIT_FAILURE. */
int new_token(void);

#endif
