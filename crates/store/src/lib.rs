//! Where it is kept: log, jobs, blobs, read models; memory, SQLite, PostgreSQL.
