#!/bin/sh
# Run by the postgres image when its volume is new: makes the two roles of roles.sql.
set -eu
psql -v ON_ERROR_STOP=1 -v owner_password="'$OWNER_PASSWORD'" -v app_password="'$APP_PASSWORD'" \
    -U "$POSTGRES_USER" -d "$POSTGRES_DB" -f /roles.sql
