#!/bin/bash
# Makes the secrets that compose.yaml names, once: those that are there stay.
# Keep a copy of master.key apart from the backups of the database: without it
# they are of no use.
set -euo pipefail
umask 077
cd "$(dirname "$0")"
mkdir -p secrets
cd secrets
word() { openssl rand -hex 24; }
[ -s master.key ] || openssl rand -base64 32 >master.key
[ -s postgres ] || word >postgres
[ -s replicator ] || word >replicator
[ -s pgpass ] || echo "*:*:*:pixy:$(word)" >pgpass
if [ ! -s certificate.pem ]; then # until you have one that browsers trust
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 365 -subj /CN=localhost \
		-addext subjectAltName=DNS:localhost -keyout key.pem -out certificate.pem 2>/dev/null
	cat key.pem >>certificate.pem
	rm key.pem
fi
# Containers read them as users of their own; on this machine nobody else gets
# through the folder.
chmod 444 -- *
