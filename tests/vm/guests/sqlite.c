/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* sqlite - Debian's SQLite as a static program: sqlite DATABASE STATEMENTS...; prints rows as its shell does, goes on after an error. */
#include <sqlite3.h>
#include <stdio.h>

static int row(void *ctx, int n, char **values, char **names)
{
    for (int i = 0; i < n; i++)
        printf("%s%s", i ? "|" : "", values[i] ? values[i] : "");
    putchar('\n');
    return 0;
}

int main(int argc, char **argv)
{
    sqlite3 *db;
    int failed = sqlite3_open(argv[1], &db) != SQLITE_OK;
    for (int i = 2; i < argc; i++) {
        char *error = NULL;
        if (sqlite3_exec(db, argv[i], row, NULL, &error) == SQLITE_OK)
            continue;
        printf("error: %s (%d)\n", error, sqlite3_extended_errcode(db));
        sqlite3_free(error);
        failed = 1;
    }
    return sqlite3_close(db) != SQLITE_OK || failed;
}
