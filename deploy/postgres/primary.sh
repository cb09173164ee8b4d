#!/bin/bash
# Fills a new primary: the user and the database of Pixy, and the user of the
# standby. The setting that has COMMITs wait for the standby counts from the next
# start on, which follows.
set -euo pipefail
psql -v ON_ERROR_STOP=1 -v pixy="$PIXY_PASSWORD" -v replicator="$REPLICATOR_PASSWORD" -v name="$NAME" -v other="$OTHER" \
	--username "$POSTGRES_USER" --dbname postgres <<'SQL'
CREATE ROLE pixy LOGIN PASSWORD :'pixy';
CREATE ROLE replicator LOGIN REPLICATION PASSWORD :'replicator';
CREATE DATABASE pixy OWNER pixy TEMPLATE template0 ENCODING 'UTF8';
ALTER SYSTEM SET cluster_name = :'name';
ALTER SYSTEM SET synchronous_commit = on;
ALTER SYSTEM SET synchronous_standby_names = :'other';
ALTER SYSTEM SET wal_keep_size = '1GB';
SQL
echo "host replication replicator all scram-sha-256" >>"$PGDATA/pg_hba.conf"
