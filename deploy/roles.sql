-- The two roles of Bitewing on a Postgres of your own (15 or newer). Run as a superuser, once, in the empty database:
--   psql -v owner_password="'...'" -v app_password="'...'" -f deploy/roles.sql
-- Then BITEWING_OWNER_DATABASE_URL names bitewing_owner (migrations only) and BITEWING_DATABASE_URL names bitewing_app.
create role bitewing_owner login nosuperuser nocreatedb nocreaterole nobypassrls password :owner_password;
create role bitewing_app login nosuperuser nocreatedb nocreaterole nobypassrls password :app_password;
select format('alter database %I owner to bitewing_owner', current_database()) \gexec
select format('revoke all on database %I from public', current_database()) \gexec
select format('grant connect on database %I to bitewing_app', current_database()) \gexec
alter schema public owner to bitewing_owner;
revoke all on schema public from public;
grant usage on schema public to bitewing_app;
