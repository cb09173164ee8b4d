#!/bin/bash
# Starts PostgreSQL as what its data says that it is. A server without data becomes
# a standby of the other one; only when that one doesn't answer, db1 is made new.
set -euo pipefail

if [ -s "$PGDATA/PG_VERSION" ]; then
	exec docker-entrypoint.sh postgres
fi

if [ "$NAME" = db1 ] && ! pg_isready --quiet --host="$OTHER"; then
	PIXY_PASSWORD=$(cut -d: -f5 /run/secrets/pgpass)
	REPLICATOR_PASSWORD=$(cat /run/secrets/replicator)
	export PIXY_PASSWORD REPLICATOR_PASSWORD
	cp /deploy/primary.sh /docker-entrypoint-initdb.d/
	exec docker-entrypoint.sh postgres
fi

PGPASSWORD=$(cat /run/secrets/replicator)
export PGPASSWORD
mkdir -p "$PGDATA"
chown postgres "$PGDATA"
chmod 700 "$PGDATA"
until gosu postgres pg_basebackup --pgdata="$PGDATA" --write-recovery-conf --checkpoint=fast \
	--dbname="host=$OTHER user=replicator"; do
	echo "waiting for $OTHER"
	sleep 1
done
unset PGPASSWORD
# The copy has the other's settings, also the standby that it waits for, which is
# this server. Promoted with it, it would wait for itself at every COMMIT.
cat >>"$PGDATA/postgresql.auto.conf" <<END
synchronous_standby_names = ''
cluster_name = '$NAME'
END
exec docker-entrypoint.sh postgres
