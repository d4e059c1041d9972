/**
 * @file db.h  The file that call.client is kept in; for the store's thread
 *
 * SQLite in WAL mode with synchronous = NORMAL: a crash of the node loses
 * nothing that was written, one of the machine at most the last moments, and
 * neither breaks the file. Several nodes may share it.
 */
#ifndef TANDEM_STORE_DB_H
#define TANDEM_STORE_DB_H

#include <stddef.h>
#include <stdint.h>

struct db;

/** One key of a caller; `value` NULL: it is taken away. */
struct db_change {
	const char *bot, *number;
	const char *key;
	const char *value;
};

typedef int (db_row_h)(const char *key, const char *value, void *arg);

/**
 * Opens or makes the file; NULL: in memory, where those who have not written
 * for longest make room. 0, or a negative UV_E* with one line in `err`. A line
 * with 0: a file that is broken was put aside; or it is locked, or the disk is
 * full, and each read and write tries to open it again.
 */
int db_open(struct db **dp, const char *path, char *err, size_t size);
void db_close(struct db *db);

/** Every key of a caller; 0, or a negative UV_E* and a line. */
int db_read(struct db *db, const char *bot, const char *number, db_row_h *h,
	    void *arg, char *err, size_t size);

/** All or nothing; `now` in ms since the epoch. A line with 0: a broken file
 * was put aside. */
int db_write(struct db *db, const struct db_change *list, size_t count,
	     uint64_t now, char *err, size_t size);

#endif
