#include "db.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uv.h>

#define SCHEMA 1		/* PRAGMA user_version */
#define APPLICATION 0x74616e64	/* "tand" */

/* How long somebody else may hold the file; what is not written then is tried
 * again by the store. */
#define BUSY_MS 200

#define PAGE 4096
#define MEMORY_BYTES (64 * 1024 * 1024)

enum statement { READ, WRITE, DELETE, ROOM, STATEMENTS };

static const char *const sql[STATEMENTS] = {
	[READ] = "SELECT key, value FROM client WHERE bot = ?1 AND number = ?2",
	[WRITE] = "INSERT INTO client (bot, number, key, value, changed) "
		"VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (bot, number, key) "
		"DO UPDATE SET value = ?4, changed = ?5",
	[DELETE] = "DELETE FROM client WHERE bot = ?1 AND number = ?2 AND "
		"key = ?3",
	/* An eighth of the callers, those who have not written for longest. */
	[ROOM] = "DELETE FROM client WHERE (bot, number) IN (SELECT bot, "
		"number FROM client GROUP BY bot, number ORDER BY "
		"max(changed) LIMIT 1 + (SELECT count(*) / 8 FROM (SELECT 1 "
		"FROM client GROUP BY bot, number)))",
};

static const char schema[] =
	"CREATE TABLE client (bot TEXT NOT NULL, number TEXT NOT NULL, "
	"key TEXT NOT NULL, value TEXT NOT NULL, changed INTEGER NOT NULL, "
	"PRIMARY KEY (bot, number, key)) WITHOUT ROWID";

struct db {
	sqlite3 *sq;
	char *path;		/* NULL: in memory */
	sqlite3_stmt *st[STATEMENTS];
};

static int code(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_DONE:
		return 0;
	case SQLITE_NOMEM:
		return UV_ENOMEM;
	case SQLITE_FULL:
		return UV_ENOSPC;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return UV_EBUSY;
	case SQLITE_PERM:
	case SQLITE_READONLY:
	case SQLITE_AUTH:
		return UV_EACCES;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return UV_EILSEQ;
	case SQLITE_CANTOPEN:
		return UV_ENOENT;
	default:
		return UV_EIO;
	}
}

static int fail(struct db *db, int rc, char *err, size_t size)
{
	snprintf(err, size, "%s", db->sq ? sqlite3_errmsg(db->sq)
		 : sqlite3_errstr(rc));
	return code(rc);
}

static int exec(struct db *db, const char *text)
{
	return sqlite3_exec(db->sq, text, NULL, NULL, NULL);
}

static int number_of(struct db *db, const char *text, int *n)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(db->sq, text, -1, &st, NULL);

	if (rc == SQLITE_OK) {
		rc = sqlite3_step(st);
		if (rc == SQLITE_ROW) {
			*n = sqlite3_column_int(st, 0);
			rc = SQLITE_OK;
		}
	}
	sqlite3_finalize(st);
	return rc;
}

static void shut(struct db *db)
{
	for (int i = 0; i < STATEMENTS; i++) {
		sqlite3_finalize(db->st[i]);
		db->st[i] = NULL;
	}
	sqlite3_close(db->sq);
	db->sq = NULL;
}

/* Makes the table, or sees that it is ours and of a version we know. */
static int check_schema(struct db *db, char *err, size_t size)
{
	int version = 0, app = 0, tables = 0;
	int rc = exec(db, "BEGIN IMMEDIATE");

	if (rc == SQLITE_OK)
		rc = number_of(db, "PRAGMA user_version", &version);
	if (rc == SQLITE_OK)
		rc = number_of(db, "PRAGMA application_id", &app);
	if (rc == SQLITE_OK)
		rc = number_of(db, "SELECT count(*) FROM sqlite_master",
			       &tables);
	if (rc == SQLITE_OK && !tables && !version) {
		char text[128];

		rc = exec(db, schema);
		snprintf(text, sizeof(text), "PRAGMA user_version = %d; "
			 "PRAGMA application_id = %d", SCHEMA, APPLICATION);
		if (rc == SQLITE_OK)
			rc = exec(db, text);
		version = SCHEMA;
		app = APPLICATION;
	}
	if (rc == SQLITE_OK && (app != APPLICATION || version != SCHEMA)) {
		exec(db, "ROLLBACK");
		if (app != APPLICATION)
			snprintf(err, size, "the database is not Tandem's");
		else
			snprintf(err, size, "the database has version %d, "
				 "this Tandem knows %d", version, SCHEMA);
		return UV_EINVAL;
	}
	if (rc == SQLITE_OK)
		rc = exec(db, "COMMIT");
	if (rc == SQLITE_OK)
		return 0;
	fail(db, rc, err, size);
	exec(db, "ROLLBACK");
	return code(rc);
}

static int start(struct db *db, char *err, size_t size)
{
	char text[64];
	int rc;

	rc = sqlite3_open_v2(db->path ? db->path : ":memory:", &db->sq,
			     SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
			     SQLITE_OPEN_NOMUTEX, NULL);
	if (rc != SQLITE_OK)
		return fail(db, rc, err, size);
	sqlite3_busy_timeout(db->sq, BUSY_MS);
	sqlite3_db_config(db->sq, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	exec(db, "PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY; "
	     "PRAGMA cache_size = -2000");
	if (db->path) {
		rc = exec(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous "
			  "= NORMAL; PRAGMA journal_size_limit = 4194304");
		if (rc != SQLITE_OK)
			return fail(db, rc, err, size);
	} else {
		snprintf(text, sizeof(text), "PRAGMA max_page_count = %d",
			 MEMORY_BYTES / PAGE);
		exec(db, text);
	}
	rc = check_schema(db, err, size);
	for (int i = 0; !rc && i < STATEMENTS; i++) {
		rc = sqlite3_prepare_v3(db->sq, sql[i], -1,
					SQLITE_PREPARE_PERSISTENT, &db->st[i],
					NULL);
		if (rc != SQLITE_OK)
			return fail(db, rc, err, size);
	}
	return rc;
}

/*
 * A broken file would refuse every call its data for good. It is kept beside,
 * for whoever can mend it, and a new one begins.
 */
static int put_aside(struct db *db, const char *why, char *err, size_t size)
{
	static const char *const parts[] = { "-wal", "-shm", "" };
	char stamp[32], reason[128];
	int moved = -1;

	snprintf(reason, sizeof(reason), "%s", why);
	shut(db);
	snprintf(stamp, sizeof(stamp), ".broken-%lld", (long long)time(NULL));
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		const size_t n = strlen(db->path) + 64;
		char *from = malloc(2 * n), *to = from + n;

		if (!from)
			break;
		snprintf(from, n, "%s%s", db->path, parts[i]);
		snprintf(to, n, "%s%s%s", db->path, stamp, parts[i]);
		moved = rename(from, to);
		free(from);
	}
	if (moved) {
		snprintf(err, size, "%s, and it cannot be put aside", reason);
		return UV_EILSEQ;
	}
	moved = start(db, err, size);
	if (!moved)
		snprintf(err, size, "%s: it is now %s%s, and a new one was "
			 "begun", reason, db->path, stamp);
	return moved;
}

int db_open(struct db **dp, const char *path, char *err, size_t size)
{
	struct db *db = calloc(1, sizeof(*db));
	int rc;

	*err = '\0';
	if (!db || (path && !(db->path = strdup(path)))) {
		free(db);
		snprintf(err, size, "out of memory");
		return UV_ENOMEM;
	}
	rc = start(db, err, size);
	if (rc == UV_EILSEQ && path)
		rc = put_aside(db, err, err, size);
	/* What passes is waited for; what somebody has to mend is told. */
	if (rc == UV_EBUSY || rc == UV_ENOSPC || rc == UV_EIO) {
		shut(db);
		rc = 0;
	}
	if (rc) {
		db_close(db);
		return rc;
	}
	*dp = db;
	return 0;
}

void db_close(struct db *db)
{
	if (!db)
		return;
	shut(db);
	free(db->path);
	free(db);
}

/* Whether it can be tried again at once: the file was closed or broken. */
static bool mended(struct db *db, int rc, char *err, size_t size)
{
	if (code(rc) != UV_EILSEQ || !db->path)
		return false;
	return !put_aside(db, err, err, size);
}

/* After a broken file could not be replaced. */
static int ready(struct db *db, char *err, size_t size)
{
	int rc;

	if (db->sq)
		return 0;
	rc = start(db, err, size);
	if (rc)
		shut(db);
	return rc;
}

static void text(sqlite3_stmt *st, int i, const char *s)
{
	sqlite3_bind_text(st, i, s, -1, SQLITE_STATIC);
}

static int read_rows(struct db *db, const char *bot, const char *number,
		     db_row_h *h, void *arg)
{
	sqlite3_stmt *st = db->st[READ];
	int rc;

	text(st, 1, bot);
	text(st, 2, number);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		const char *key = (const char *)sqlite3_column_text(st, 0);
		const char *value = (const char *)sqlite3_column_text(st, 1);

		if (key && value && h(key, value, arg)) {
			rc = SQLITE_NOMEM;
			break;
		}
	}
	sqlite3_reset(st);
	return rc;
}

int db_read(struct db *db, const char *bot, const char *number, db_row_h *h,
	    void *arg, char *err, size_t size)
{
	int rc = ready(db, err, size);

	if (rc)
		return rc;
	rc = read_rows(db, bot, number, h, arg);
	if (rc == SQLITE_DONE)
		return 0;
	fail(db, rc, err, size);
	if (mended(db, rc, err, size))
		return UV_EILSEQ;	/* what was read is nothing now */
	return code(rc);
}

static int change(struct db *db, const struct db_change *c, uint64_t now)
{
	sqlite3_stmt *st = db->st[c->value ? WRITE : DELETE];
	int rc;

	text(st, 1, c->bot);
	text(st, 2, c->number);
	text(st, 3, c->key);
	if (c->value) {
		text(st, 4, c->value);
		sqlite3_bind_int64(st, 5, (sqlite3_int64)now);
	}
	rc = sqlite3_step(st);
	sqlite3_reset(st);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int write_all(struct db *db, const struct db_change *list,
		     size_t count, uint64_t now)
{
	int rc = exec(db, "BEGIN IMMEDIATE");

	for (size_t i = 0; rc == SQLITE_OK && i < count; i++)
		rc = change(db, &list[i], now);
	if (rc == SQLITE_OK)
		rc = exec(db, "COMMIT");
	return rc;
}

/* Undone, unless the failure has done so itself. */
static void undo(struct db *db)
{
	if (!sqlite3_get_autocommit(db->sq))
		exec(db, "ROLLBACK");
}

int db_write(struct db *db, const struct db_change *list, size_t count,
	     uint64_t now, char *err, size_t size)
{
	int rc;

	*err = '\0';
	rc = ready(db, err, size);
	if (rc)
		return rc;
	for (int tries = 0;; tries++) {
		rc = write_all(db, list, count, now);
		if (rc == SQLITE_OK)
			return 0;
		fail(db, rc, err, size);
		undo(db);
		if (tries == 3)
			return code(rc);
		if (code(rc) == UV_ENOSPC && !db->path) {
			sqlite3_step(db->st[ROOM]);
			sqlite3_reset(db->st[ROOM]);
			*err = '\0';
			continue;
		}
		if (!mended(db, rc, err, size))
			return code(rc);
	}
}
